"""`SurfaceFormCounter`: from texts to term counts through the table of surface forms.

The one protocol above the kernels is texts -> term counts. This is the implementation for every
tokenizer that works on one surface form at a time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa

from bm25.csr import Counted, CsrBuilder
from bm25.errors import Bm25Error, Bm25InputError, PluginError
from bm25.inputs import Texts, texts_of
from bm25.kernels import scan as scanning
from bm25.kernels.count import SLACK, count, expansion
from bm25.kernels.scan import scan
from bm25.vocabulary import SideTable, Vocabulary

__all__ = ["MODES", "SurfaceFormCounter", "Weigh", "invalid_text"]

Array = np.ndarray[Any, Any]
Weigh = Callable[[Counted], Array]

CHUNK = 1 << 20  # bytes of text counted at a time: enough to amortise calls, few enough for the cache
NEW_FORMS = 1 << 15  # new surface forms resolved at a time
NEW_BYTES = 1 << 20
NEW_BYTES_OF_PREFIXES = 1 << 16  # of which far more bytes are made, up to 500 times as many

MODES = {
    "word": scanning.WORD,
    "whitespace": scanning.WHITESPACE,
    "identifier": scanning.IDENTIFIER,
    "multilingual": scanning.MULTILINGUAL,
}
"""The kernels' modes, by kind of surface form; `analysis.tokenizers.SURFACE_FORMS` says what each holds."""


class SurfaceFormCounter:
    """Counts the terms of texts. Safe to share between threads."""

    def __init__(self, vocabulary: Vocabulary, threads: int) -> None:
        self.vocabulary = vocabulary
        self.mode = MODES[vocabulary.analyzer.tokenizer.forms]
        self.threads = threads
        self._scratch = threading.local()
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    def count(self, array: pa.ChunkedArray, weigh: Weigh | None = None) -> CsrBuilder:
        """Count texts, and weigh what was counted where it is still in the cache.

        Args:
            array: texts, as `inputs.as_arrow` returns them.
            weigh: from counts to float32 weights; None keeps the frequencies.
        """
        parts = [part for texts in texts_of(array) for part in texts.cut(CHUNK)]
        built = CsrBuilder(len(array), np.uint32 if weigh is None else np.float32, sum(map(_size, parts)))

        def work(texts: Texts) -> Counted:
            return self.count_part(texts, weigh)

        one_by_one = self.threads == 1 or len(parts) < 2
        results = map(work, parts) if one_by_one else self._workers().map(work, parts)
        for texts, counted in zip(parts, results, strict=True):
            built.append(counted, _size(texts))
        return built

    def count_part(self, texts: Texts, weigh: Weigh | None) -> Counted:
        """Count consecutive texts, and weigh what was counted."""
        # Terms are asked for of counts only.
        counted = self._count(texts, SideTable(keeps_terms=weigh is None))
        values = counted.values.copy() if weigh is None else weigh(counted)
        return counted._replace(term_ids=counted.term_ids.copy(), values=values)

    def _workers(self) -> ThreadPoolExecutor:
        # Threads do not survive a fork, so a pool belongs to the process that made it.
        if self._pool is None or self._pool[0] != os.getpid():
            self._pool = os.getpid(), ThreadPoolExecutor(self.threads, thread_name_prefix="bm25")
        return self._pool[1]

    def _count(self, texts: Texts, side: SideTable) -> Counted:
        scratch: _Scratch | None = getattr(self._scratch, "value", None)
        if scratch is None:
            scratch = self._scratch.value = _Scratch()
        size = _size(texts)
        # Every token but the last of a text is followed by at least one byte that is none.
        references = scratch.array("references", np.uint32, (size + len(texts.starts)) // 2 + 1)
        reference_ends = np.empty(len(texts.starts), np.int64)
        new_references = self._scan(texts, references, reference_ends, scratch, side)
        return self._expand(references, reference_ends, new_references, scratch, side)

    def _scan(
        self, texts: Texts, references: Array, reference_ends: Array, scratch: _Scratch, side: SideTable
    ) -> Array:
        state = np.zeros(scanning.STATE, np.int64)
        state[scanning.POSITION] = texts.starts[0]
        # Exact sizes: the table's must be a power of two, and the list must not outgrow its share of it.
        new_table = scratch.array("new_table", np.uint32, 4 * NEW_FORMS)[: 4 * NEW_FORMS]
        new_table[:] = 0
        new_ends = scratch.array("new_ends", np.int64, NEW_FORMS)[:NEW_FORMS]
        room = NEW_BYTES_OF_PREFIXES if self.vocabulary.analyzer.config.tokenizer == "prefix" else NEW_BYTES
        new_bytes = scratch.array("new_bytes", np.uint8, NEW_BYTES)[:room]
        resolved: list[Array] = []
        known = 0
        done = False
        while not done:
            table, shift, arena = self.vocabulary.snapshot
            done = scan(
                texts.data, texts.starts, texts.ends, self.mode, table, shift, arena,
                references, reference_ends, known, new_table, new_bytes, new_ends, state,
            )  # fmt: skip
            new = int(state[scanning.NEW_FORMS])
            if new:
                try:
                    resolved.append(self.vocabulary.resolve(new_bytes, new_ends[:new], side))
                except UnicodeDecodeError:
                    raise invalid_text(texts) from None
                except (PluginError, Bm25InputError) as error:
                    raise self._with_row(texts, error) from error.__cause__ or error
                known += new
                state[scanning.NEW_FORMS] = state[scanning.NEW_BYTES] = 0
                new_table[:] = 0
            elif not done:
                new_bytes = scratch.array("new_bytes", np.uint8, int(state[scanning.NEEDED]))
        return np.concatenate(resolved) if resolved else np.empty(0, np.uint32)

    def _with_row(self, texts: Texts, error: Bm25Error) -> Bm25Error:
        """Find the text of which the analysis raised, and put its number before the message."""
        analyzer = self.vocabulary.analyzer
        for i in range(len(texts.starts)):
            text = texts.data[texts.starts[i] : texts.ends[i]].tobytes().decode(errors="replace")
            try:
                analyzer.analyze("\n".join(analyzer.surface_forms(text)))
            except type(error) as again:
                return type(error)(f"texts[{texts.first + i}]: {again}")
        return error

    def _expand(
        self,
        references: Array,
        reference_ends: Array,
        new_references: Array,
        scratch: _Scratch,
        side: SideTable,
    ) -> Counted:
        many_ends, many_ids = self.vocabulary.lists.arrays
        side_ends, side_ids = side.lists.arrays
        sizes = expansion(references, reference_ends, new_references, many_ends, side_ends)
        total, largest = int(sizes[0]), int(sizes[1])
        documents = len(reference_ends)
        indptr = np.empty(documents + 1, np.int64)
        lengths = np.empty(documents, np.uint32)
        term_ids = scratch.array("term_ids", np.uint32, total)
        frequencies = scratch.array("frequencies", np.uint32, total)
        written = count(
            references, reference_ends, new_references, many_ends, many_ids, side_ends, side_ids,
            scratch.array("ids", np.uint32, largest),
            scratch.array("buckets", np.uint64, (1 << max(6, (2 * largest).bit_length())) + SLACK),
            indptr, term_ids, frequencies, lengths,
        )  # fmt: skip
        return Counted(indptr, term_ids[:written], frequencies[:written], lengths, side.blocks)


class _Scratch:
    """Arrays of one thread that are used again and again; new ones are zero."""

    KEPT = 8 << 20  # bytes; a larger array, made for one huge text, is not held on to

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}

    def array(self, name: str, kind: Any, size: int) -> Array:
        """Return an array of at least `size` elements."""
        array = self._arrays.get(name)
        if array is None or len(array) < size:
            array = np.zeros(max(1024, size + size // 4), kind)
            if array.nbytes <= self.KEPT:
                self._arrays[name] = array
        return array


def invalid_text(texts: Texts) -> Bm25InputError:
    """Find the text that is not UTF-8; called when some form of these texts was not."""
    for i in range(len(texts.starts)):
        try:
            texts.data[texts.starts[i] : texts.ends[i]].tobytes().decode()
        except UnicodeDecodeError as error:
            return Bm25InputError(
                f"texts[{texts.first + i}] is not valid UTF-8: {error.reason} at byte {error.start}"
            )
    return Bm25InputError("a text is not valid UTF-8")


def _size(texts: Texts) -> int:
    return int((texts.ends - texts.starts).sum())
