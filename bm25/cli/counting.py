"""Documents of a corpus as a store takes them: ids, tenants and counts, and the flags for their columns."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bm25.cli.corpus import Corpus
from bm25.errors import Bm25ConfigError, Bm25InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from bm25.counts import TermCounts
    from bm25.encoder import Bm25Encoder
    from bm25.store import StatisticsStore
    from bm25.store.batch import WriteBatch

__all__ = [
    "Columns", "Counted", "DocumentCounter", "add_store_arguments", "add_tenant_arguments",
    "columns_from_arguments", "count_into", "open_documents", "store_options",
]  # fmt: skip

ID_COLUMN = "id"


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what.

    Attributes:
        texts: one column, or one for each field of the store.
        document_id: None where the store has no ledger.
        tenant: None where `tenant_name` is that of all documents, or where they have none.
        tenant_name: of all documents.
    """

    texts: tuple[str, ...]
    document_id: str | None = None
    tenant: str | None = None
    tenant_name: str | None = None

    @property
    def others(self) -> list[str]:
        """Columns beside the first one of texts."""
        wanted = [*self.texts[1:], self.document_id, self.tenant]
        return [name for name in dict.fromkeys(wanted) if name is not None and name != self.texts[0]]


@dataclass(frozen=True, slots=True)
class Counted:
    """A batch of documents; `counts` for each field where there are fields."""

    batch: pa.RecordBatch
    counts: TermCounts | dict[str, TermCounts]
    document_ids: list[str] | None
    tenants: list[str | None] | str | None
    nulls: int
    text_bytes: int


def add_store_arguments(parser: argparse._ActionsContainer) -> None:
    """Add the flags that decide what a new store keeps."""
    parser.add_argument(
        "--id-column",
        metavar="NAME",
        help=f"column of the documents' ids, integers or strings, for the ledger (default: {ID_COLUMN})",
    )
    parser.add_argument(
        "--no-ledger",
        action="store_true",
        help="keep no documents, for a corpus that only grows: nothing can be replaced or removed",
    )
    add_tenant_arguments(parser)
    parser.add_argument(
        "--max-drift",
        type=float,
        metavar="X",
        help="share by which the mean length may move before a new epoch begins (default: 0.05)",
    )


def add_tenant_arguments(parser: argparse._ActionsContainer) -> None:
    """Add the flags that say whose the documents are."""
    parser.add_argument(
        "--tenant-column",
        metavar="NAME",
        help="column of each document's tenant, or any other label; no tenant where it is empty",
    )
    parser.add_argument("--tenant", metavar="NAME", help="the tenant of all documents")


def columns_from_arguments(args: argparse.Namespace, texts: Sequence[str], *, ledger: bool) -> Columns:
    """Return which columns hold what.

    Raises:
        Bm25ConfigError: flags that exclude each other, or a column of ids where none are kept.
    """
    if args.tenant is not None and args.tenant_column is not None:
        raise Bm25ConfigError("--tenant and --tenant-column exclude each other")
    if args.tenant == "":
        instead = "give --no-tenant" if hasattr(args, "no_tenant") else "leave it out"
        raise Bm25ConfigError(f"--tenant is empty; {instead} for documents without a tenant")
    if not ledger and args.id_column is not None:
        raise Bm25ConfigError("without a ledger no ids are kept: leave --id-column out")
    document_id = (args.id_column or ID_COLUMN) if ledger else None
    return Columns(tuple(texts), document_id, args.tenant_column, args.tenant)


def store_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `StatisticsStore.create` that the flags ask for.

    Raises:
        Bm25ConfigError: --avg-len was given.
    """
    if args.avg_len is not None:
        raise Bm25ConfigError(
            "--avg-len goes with no store of statistics, which has the mean length of its documents: "
            "leave it out"
        )
    drift = {} if args.max_drift is None else {"max_drift": args.max_drift}
    return {"ledger": not args.no_ledger, **drift}


@contextmanager
def open_documents(
    args: argparse.Namespace, columns: Columns, *, keep: Sequence[str] | None, threads: int, what: str
) -> Iterator[Corpus]:
    """Open a corpus with all columns that are needed beside those of `keep` (None for all).

    Raises:
        Bm25InputError: one is missing; of ids, it says the two ways out.
    """
    from bm25.files.columns import parse_columns

    wanted = None
    if keep is not None:
        named = {spec.name for spec in parse_columns(keep, None) or ()}
        wanted = [*keep, *(name for name in columns.others if name not in named)]
    corpus = Corpus(args, columns.texts, columns=wanted, threads=threads, what=what)
    try:
        with corpus:
            _require(corpus, columns, args)
            yield corpus
    except Bm25InputError as error:
        if columns.document_id is not None and f"no column {columns.document_id!r}" in str(error):
            raise Bm25InputError(f"{error}; {_ways_out(args)}") from None
        raise


def _ways_out(args: argparse.Namespace) -> str:
    needed = "the ledger needs an id for each document: name the column with --id-column"
    if not hasattr(args, "no_ledger"):
        return needed
    return (
        f"{needed}, or make a store without a ledger (--no-ledger), to which documents can be added but not "
        "replaced or removed"
    )


def _require(corpus: Corpus, columns: Columns, args: argparse.Namespace) -> None:
    import pyarrow.types as pat

    from bm25.files.columns import require_column, require_text_column

    where = "standard input" if args.input[0] == "-" else args.input[0]
    schema = corpus.schema
    for text in columns.texts[1:]:
        require_text_column(text, schema, where)
    named = {columns.document_id: "an id", columns.tenant: "a tenant"}
    for name, what in named.items():
        if name is None:
            continue
        try:
            require_column(name, schema.names, where)
        except Bm25InputError:
            if corpus.is_empty():
                return
            raise
        kind = schema.field(name).type
        if not (
            pat.is_integer(kind)
            or pat.is_string(kind)
            or pat.is_large_string(kind)
            or pat.is_string_view(kind)
            or pat.is_null(kind)
        ):
            raise Bm25InputError(
                f"{where}: column {name!r} has the type {kind}; {what} is an integer or a string"
            )


class DocumentCounter:
    """Counts the texts of batches; safe to share between threads.

    Args:
        encoder: with one thread.
        columns: where texts, ids and tenants are.
        fields: whether the store counts each column of texts by itself.
        terms: whether the terms are needed; they are found here and not by whoever adds the counts.
    """

    def __init__(self, encoder: Bm25Encoder, columns: Columns, *, fields: bool, terms: bool) -> None:
        self._encoder = encoder
        self._columns = columns
        self._fields = fields
        self._terms = terms

    def __call__(self, batch: pa.RecordBatch) -> Counted:
        """Count the documents of a batch."""
        import pyarrow.compute as pc

        from bm25.files import text_array

        columns = self._columns
        counts = {}
        text_bytes = nulls = 0
        for name in columns.texts:
            texts = text_array(batch, name)
            counts[name] = self._encoder.count_documents(texts)
            if self._terms:
                _ = counts[name].terms  # found now, in this thread
            text_bytes += pc.sum(pc.binary_length(texts)).as_py() or 0
            nulls = texts.null_count if len(columns.texts) == 1 else 0
        tenants: list[str | None] | str | None = columns.tenant_name
        if columns.tenant is not None:
            tenants = [name or None for name in _strings(batch.column(columns.tenant))]
        return Counted(
            batch,
            counts if self._fields else counts[columns.texts[0]],
            None if columns.document_id is None else self._ids(batch, columns.document_id),
            tenants,
            nulls,
            text_bytes,
        )

    @staticmethod
    def _ids(batch: pa.RecordBatch, column: str) -> list[str]:
        ids = _strings(batch.column(column))
        for row, value in enumerate(ids):
            if not value:
                what = "null" if value is None else "empty"
                raise Bm25InputError(f"rows[{row}]: column {column!r} is {what}; every document needs an id")
        return ids  # type: ignore[return-value]


def count_into(
    store: StatisticsStore, batch: WriteBatch, corpus: Corpus, columns: Columns
) -> Iterator[Counted]:
    """Add the documents of a corpus to a store that is being written, and yield them."""
    from bm25.encoder import Bm25Encoder

    encoder = Bm25Encoder(store.config, threads=1)
    corpus.pool.submit(encoder.count_documents, [""])  # compiled code is loaded while the first block is read
    counter = DocumentCounter(encoder, columns, fields=bool(store.fields), terms=store.has_terms)
    for counted in corpus.map(counter):
        batch.add(counted.document_ids, counted.counts, tenant=counted.tenants)
        yield counted


def _strings(column: pa.Array) -> list[str | None]:
    import pyarrow as pa

    return column.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]
