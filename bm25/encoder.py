"""`Bm25Encoder`: texts in, sparse vectors out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bm25.analysis.analyzer import Analyzer, Role, roles_differ
from bm25.config import Bm25Config
from bm25.errors import Bm25ConfigError, Bm25InputError
from bm25.options import choice
from bm25.singles import DocumentEncoder, QueryEncoder, SingleEncoder, WholeQueryEncoder, check_unicode

if TYPE_CHECKING:
    from bm25.analysis.trace import TextAnalysis
    from bm25.counter import SurfaceFormCounter
    from bm25.counts import TermCounts
    from bm25.csr import Counted
    from bm25.sparse import SparseVectors
    from bm25.terms import TermDictionary

__all__ = ["Bm25Encoder"]

Array = np.ndarray[Any, Any]

BATCH_TEXTS = 4096
BATCH_BYTES = 8 << 20


class Bm25Encoder:
    """Encodes texts as BM25 sparse vectors, equal bit for bit to those of Qdrant's own encoder.

    Safe to share between threads, to fork, and to pickle (as its configuration).

    Args:
        config: a `Bm25Config`, or None for Qdrant's defaults.
        threads: threads that work on one call; None for as many as this process may use cores.
            Compiled code runs without the GIL.
    """

    def __init__(self, config: Bm25Config | None = None, *, threads: int | None = None) -> None:
        if config is not None and not isinstance(config, Bm25Config):
            raise Bm25ConfigError(
                f"config must be a Bm25Config, got {type(config).__name__}; "
                "for a dict use Bm25Config.from_dict"
            )
        if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
            raise Bm25ConfigError(f"threads must be an integer of at least 1, got {threads!r}")
        self.config = config if config is not None else Bm25Config()
        self.threads = threads if threads is not None else _usable_cores()
        self._threads_given = threads
        self._counters: dict[Role, SurfaceFormCounter] = {}
        self._single_query: SingleEncoder | WholeQueryEncoder | None = None
        self._singles: dict[Role, SingleEncoder] = {}

    def __repr__(self) -> str:
        return f"Bm25Encoder({self.config!r}, threads={self.threads})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.config, self._threads_given)

    def encode_documents(self, texts: Any) -> SparseVectors:
        """Return the document vectors of texts.

        Args:
            texts: a list of str, an Arrow array or chunked array of strings, a numpy array, or a
                column of pandas or polars; Arrow memory is read without copying. None is a null text.

        Raises:
            Bm25InputError: something is not a text, or is not valid Unicode; it names which.
        """
        return self._encode(texts, self._documents, self._document_values)

    def encode_queries(self, texts: Any) -> SparseVectors:
        """Return the query vectors of texts, given as for `encode_documents`."""
        return self._encode(texts, self._queries, self._query_values)

    def encode_query(self, text: str) -> tuple[Array, Array]:
        """Return (indices, values) of one query, uint32 and float32: the fast path for one text."""
        if self._single_query is None:
            whole = self.config.tokenizer == "multilingual"
            self._single_query = WholeQueryEncoder(self.config) if whole else self.single("query")
        return self._single_query.encode(text)

    def encode_document(self, text: str) -> tuple[Array, Array]:
        """Return (indices, values) of one document, uint32 and float32: the fast path for one short text.

        Up to a few kilobytes; a longer text is encoded faster by `encode_documents`.
        """
        if self.config.tokenizer != "multilingual":
            return self.single("document").encode(text)
        if not isinstance(text, str):
            raise Bm25InputError(f"a document must be a string, got {type(text).__name__}: {text!r:.80}")
        return self.encode_documents([text])[0]

    def single(self, role: Role) -> SingleEncoder:
        """Return what encodes one text at a time in a role; not for the tokenizer `multilingual`."""
        found = self._singles.get(role)
        if found is None:
            analyzer = Analyzer(self.config, role)
            if role == "query":
                found = QueryEncoder(analyzer, self.config.k3)
            else:
                found = DocumentEncoder(analyzer, self._weigh)
            self._singles[role] = found
        return found

    def encode_batches(self, batches: Iterable[Any], *, column: str | None = None) -> Iterator[SparseVectors]:
        """Encode a stream of documents in bounded memory.

        Args:
            batches: an iterable of texts (grouped here), of batches as `encode_documents` takes them,
                or of record batches (a `pyarrow.RecordBatchReader`, say).
            column: the column of the texts in record batches; not needed when there is only one.

        Yields:
            the vectors of each batch, in order
        """
        if isinstance(batches, str | bytes):
            raise Bm25InputError("batches must be an iterable of texts, got one text; wrap it in a list")
        group: list[str | None] = []
        size = 0
        for batch in _stream(batches):
            if batch is None or isinstance(batch, str):
                group.append(batch)
                size += len(batch) if batch else 0
                if len(group) >= BATCH_TEXTS or size >= BATCH_BYTES:
                    yield self.encode_documents(group)
                    group, size = [], 0
                continue
            if group:
                yield self.encode_documents(group)
                group, size = [], 0
            yield self.encode_documents(_column(batch, column))
        if group:
            yield self.encode_documents(group)

    def count_documents(self, texts: Any) -> TermCounts:
        """Return the term frequencies of texts, given as for `encode_documents`."""
        return self._count(texts, self._documents)

    def count_queries(self, texts: Any) -> TermCounts:
        """Return the term frequencies of queries, given as for `encode_documents`."""
        return self._count(texts, self._queries)

    def analyze(self, text: str, *, role: Role = "document") -> TextAnalysis:
        """Return what becomes of each token of a text, step by step, and the vector of the text.

        Args:
            text: one text.
            role: `document` or `query`, what to encode it as.

        Raises:
            Bm25ConfigError: the tokenizer is `multilingual`, which has no terms to show.
            Bm25InputError: the text is not a string, or is not valid Unicode.
        """
        from bm25.analysis.trace import TextAnalysis, trace

        choice("role", role, ("document", "query"))
        if not self.config.has_terms:
            raise Bm25ConfigError(
                "tokenizer 'multilingual' has no steps to show: it works on whole texts in Qdrant's engine, "
                "which yields ids without terms. count_documents and count_queries return the ids and their "
                "frequencies, encode_documents and encode_queries the weights"
            )
        if not isinstance(text, str):
            raise Bm25InputError(f"the text must be a string, got {type(text).__name__}: {text!r:.80}")
        check_unicode(text, "the text")
        if role == "query":
            indices, values = self.encode_query(text)
        else:
            indices, values = self.encode_documents([text])[0]
        # A float32 as the shortest decimal that reads back to it, not as its float64 neighbour.
        weights = {int(number): float(str(value)) for number, value in zip(indices, values, strict=True)}
        return TextAnalysis.build(text, role, trace(Analyzer(self.config, role), text), weights)

    def weigh(self, counts: TermCounts, *, avg_len: float | None = None) -> SparseVectors:
        """Return the document vectors of counts, under this configuration's k and b.

        Args:
            counts: what `count_documents` returned; neither texts nor tokenization are needed.
            avg_len: the mean document length to use instead of the configuration's.
        """
        from bm25.csr import Counted
        from bm25.sparse import SparseVectors

        if avg_len is not None:
            avg_len = Bm25Config(avg_len=avg_len).avg_len
        counted = Counted(counts.indptr, counts.term_ids, counts.frequencies, counts.lengths, [])
        values = self._document_values(counted, avg_len=avg_len)
        return SparseVectors(counts.indptr, counts.term_ids, values, counts.valid, lengths=counts.lengths)

    def with_options(self, **options: Any) -> Bm25Encoder:
        """Return an encoder with some options changed.

        Where they change no term ids (k, b, k3, avg_len) it shares with this one what was learnt of texts,
        and so begins warm.

        Raises:
            Bm25ConfigError: as of `Bm25Config.from_dict`; None sets an option to its default.
        """
        config = Bm25Config.from_dict({**self.config.to_dict(), **options})
        encoder = Bm25Encoder(config, threads=self._threads_given)
        if config.analysis_fingerprint == self.config.analysis_fingerprint:
            encoder._counters = self._counters
        return encoder

    @staticmethod
    def warmup() -> Path | None:
        """Compile every kernel, or load it from the cache of compiled code.

        Returns:
            the folder of the cache, None where there is none
        """
        from bm25.kernels.jit import cache_directory
        from bm25.kernels.json_lists import warmup as warmup_lists
        from bm25.kernels.json_strings import warmup as warmup_strings
        from bm25.kernels.scripts import warmup as warmup_scripts
        from bm25.kernels.statistics import warmup as warmup_statistics
        from bm25.terms import warmup as warmup_terms

        encoder = Bm25Encoder(Bm25Config(k3=1.0), threads=1)
        # Enough distinct words that the table of surface forms grows: that has a kernel of its own.
        encoder.encode_documents([" ".join(f"word{i}" for i in range(10_000))])
        encoder.encode_queries(["warm up"])
        Bm25Encoder(Bm25Config(dialect="fastembed"), threads=1).encode_documents(["warm up"])
        warmup_terms()
        warmup_statistics()
        warmup_lists()
        warmup_strings()
        warmup_scripts()  # without an encoder: its engine may not be installed
        return cache_directory()

    def _encode(self, texts: Any, counter: SurfaceFormCounter, weigh: Any) -> SparseVectors:
        from bm25.inputs import as_arrow, validity
        from bm25.sparse import SparseVectors

        array = as_arrow(texts)
        built = counter.count(array, weigh)
        return SparseVectors(
            built.indptr, built.term_ids, built.values, validity(array), lengths=built.lengths
        )

    def _count(self, texts: Any, counter: SurfaceFormCounter) -> TermCounts:
        from bm25.counts import TermCounts
        from bm25.csr import Counted
        from bm25.inputs import as_arrow, validity

        array = as_arrow(texts)
        forgotten = counter.vocabulary.forgotten
        built = counter.count(array)
        counted = Counted(built.indptr, built.term_ids, built.values, built.lengths, built.blocks)
        terms = partial(self._terms, array, counter, forgotten, counted) if self.config.has_terms else None
        return TermCounts(*counted[:4], validity(array), terms=terms)

    def _terms(
        self, array: Any, counter: SurfaceFormCounter, forgotten: int, counted: Counted, among: Array
    ) -> TermDictionary:
        from bm25.terms import TermDictionary, texts_with

        terms = counter.vocabulary.terms(among).merge(TermDictionary.from_blocks(counted.blocks, among=among))
        if counter.vocabulary.forgotten != forgotten:  # after an interrupt
            doubtful = among
        elif terms.collisions:
            # The vocabulary knows more than these texts: which of the terms with one id is in them?
            doubtful = np.array(sorted(terms.collisions), np.uint32)
        else:
            return terms
        # What a new vocabulary learns from them is exactly what they hold.
        fresh = _counter(self.config, counter.vocabulary.analyzer.role, self.threads)
        again = fresh.count(_take(array, texts_with(doubtful, counted.indptr, counted.term_ids)))
        found = fresh.vocabulary.terms(doubtful).merge(
            TermDictionary.from_blocks(again.blocks, among=doubtful)
        )
        return terms.without(doubtful).merge(found)

    def _document_values(self, part: Counted, *, avg_len: float | None = None) -> Array:
        values = np.empty(len(part.term_ids), np.float32)
        config = self.config
        self._weigh(
            part.indptr, part.values, part.lengths,
            config.k, config.b, config.avg_len if avg_len is None else avg_len, values,
        )  # fmt: skip
        return values

    @property
    def _weigh(self) -> Callable[..., None]:
        from bm25.kernels.weigh import weigh_documents, weigh_documents_unfused

        weigh: Callable[..., None] = weigh_documents
        return weigh_documents_unfused if self.config.dialect == "fastembed" else weigh

    def _query_values(self, part: Counted) -> Array:
        if self.config.k3 is None:
            return np.ones(len(part.term_ids), np.float32)
        from bm25.kernels.weigh import weigh_queries

        values = np.empty(len(part.term_ids), np.float32)
        weigh_queries(part.values, self.config.k3, values)
        return values

    # Made when first used, and not by `cached_property`: in Python 3.11 that holds a lock, which a fork in
    # another thread would leave locked. Of two threads that come at once, one makes it in vain.

    @property
    def _documents(self) -> SurfaceFormCounter:
        return self._counter("document")

    @property
    def _queries(self) -> SurfaceFormCounter:
        # Where both roles map a form to the same terms they share what was learnt.
        if not roles_differ(self.config):
            return self._documents
        return self._counter("query")

    def _counter(self, role: Role) -> SurfaceFormCounter:
        counter = self._counters.get(role)
        if counter is None:
            counter = self._counters[role] = _counter(self.config, role, self.threads)
        return counter


def _counter(config: Bm25Config, role: Role, threads: int) -> SurfaceFormCounter:
    # Loads Numba, which takes longer than a query does: only when texts come in batches.
    if config.tokenizer == "multilingual":
        from bm25.multilingual import MultilingualCounter

        return MultilingualCounter(config, role, threads)

    from bm25.counter import SurfaceFormCounter
    from bm25.vocabulary import Vocabulary

    return SurfaceFormCounter(Vocabulary(Analyzer(config, role)), threads)


def _stream(batches: Iterable[Any]) -> Iterable[Any]:
    """Return an iterable: one of a table yields its columns, which is not what is meant."""
    import pyarrow as pa

    if isinstance(batches, pa.RecordBatch | pa.Table):
        return [batches]
    return batches


def _column(batch: Any, column: str | None) -> Any:
    import pyarrow as pa

    if not isinstance(batch, pa.RecordBatch | pa.Table):
        return batch
    names = batch.schema.names
    if column is None:
        if len(names) != 1:
            raise Bm25InputError(
                f"record batches have {len(names)} columns ({', '.join(names)}); "
                "say which holds the texts with column=..."
            )
        column = names[0]
    if column not in names:
        raise Bm25InputError(f"no column {column!r} in the record batch; its columns: {', '.join(names)}")
    return batch.column(column)


def _take(array: Any, rows: Array) -> Any:
    """Return texts of a chunked array by ascending number."""
    import pyarrow as pa
    import pyarrow.types as pat

    chunks = []
    first = 0
    for chunk in array.chunks:
        low, high = np.searchsorted(rows, (first, first + len(chunk)))
        # Chunk by chunk, for together they may be more than one array of strings can hold.
        if pat.is_string_view(chunk.type):
            chunk = chunk.cast(pa.large_string())
        chunks.append(chunk.take(pa.array(rows[low:high] - first)))
        first += len(chunk)
    return pa.chunked_array(chunks, chunks[0].type if chunks else array.type)


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _rebuild(config: Bm25Config, threads: int | None) -> Bm25Encoder:
    return Bm25Encoder(config, threads=threads)
