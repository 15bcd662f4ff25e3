"""`Corpus`: the rows of all inputs of a command, worked on by threads, with results in the inputs' order."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bm25.cli.inputs import Progress, report_skipped, size
from bm25.errors import Bm25InputError, PluginError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    import pyarrow as pa

    from bm25.files import InputReader

__all__ = ["Corpus", "block_bytes", "in_order"]

Result = TypeVar("Result")

# Batches a thread that are being worked on or wait for their turn, and the bytes of input in all of them.
# Vectors are about as large as their texts, so that the memory needed is some hundred megabytes on any
# number of cores.
_PENDING = 2
_PENDING_BYTES = 64 << 20
_SMALLEST_BLOCK = 64 << 10

_COLUMNAR = ("parquet", "arrow", "arrows")


class Corpus:
    """Opens the first input on entering; the others follow one by one, and must have its columns.

    Args:
        args: with the flags of `bm25.cli.inputs`.
        text_columns: names of the columns that hold text, at least one.
        columns: the columns to read, as `open_input` takes them; None for all.
        threads: that work on batches.
        what: a word for the progress bar.

    Attributes:
        schema: of every batch.
        rows: that were handed out so far.
        skipped: lines that were left out so far.
        bytes_read: of the inputs that were read to their end.
        pool: the threads.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        text_columns: Sequence[str],
        *,
        columns: Sequence[str] | None,
        threads: int,
        what: str,
    ) -> None:
        self._args = args
        self._text_columns = list(text_columns)
        self._columns = columns
        self._threads = threads
        self._what = what
        self.bytes_read = 0
        self._results: Generator[Any, None, None] | None = None
        self._empty = False
        self.rows = 0
        self.skipped = 0

    def __enter__(self) -> Corpus:
        from concurrent.futures import ThreadPoolExecutor

        # Empty shards are common, and say nothing of the columns.
        inputs = self._args.input
        self._leading = next((i for i, path in enumerate(inputs) if size(path) != 0), 0)
        self._first = self._open(inputs[self._leading], None)
        self.schema: pa.Schema = self._first.schema
        self.pool: ThreadPoolExecutor = ThreadPoolExecutor(self._threads, thread_name_prefix="bm25")
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            if self._results is not None:
                self._results.close()  # the input it has open, and the bar
            self.pool.shutdown(cancel_futures=True)
        finally:
            self._first.close()

    def is_empty(self) -> bool:
        """Return whether no input has a row; JSON lines without one do not tell their columns.

        Where it returns False `map` cannot be called any more.
        """
        if self._first.format != "jsonl":
            return False
        if any(size(path) != 0 for i, path in enumerate(self._args.input) if i != self._leading):
            return False
        self._empty = next(self._batches(self._first), None) is None
        return self._empty

    def map(self, work: Callable[[pa.RecordBatch], Result]) -> Iterator[Result]:
        """Yield what `work` makes of each batch, in order; to be called once.

        Raises:
            Bm25InputError: an input or a text cannot be used; it names the file, and the row from 1 on.
        """
        self._results = self._map(work)
        return self._results

    def _map(self, work: Callable[[pa.RecordBatch], Result]) -> Generator[Result, None, None]:
        with Progress(self._args, self._what) as progress:
            for i, path in enumerate(self._args.input):
                if i == self._leading:
                    yield from self._map_input(path, self._first, work, progress)
                    continue
                with self._open(path, self.schema) as reader:
                    yield from self._map_input(path, reader, work, progress)

    def _map_input(
        self, path: str, reader: InputReader, work: Callable[[pa.RecordBatch], Result], progress: Progress
    ) -> Iterator[Result]:
        def tasks() -> Iterator[Callable[[], Result]]:
            rows = 0
            for batch in () if self._empty else self._batches(reader):
                yield _task(work, batch, path, rows)
                rows += batch.num_rows
                self.rows += batch.num_rows
                progress(self.bytes_read + reader.bytes_read)

        yield from in_order(self.pool, tasks(), self._threads)
        self.bytes_read += reader.bytes_read
        self.skipped += reader.skipped.count
        report_skipped(reader)

    def _batches(self, reader: InputReader) -> Iterator[pa.RecordBatch]:
        from bm25.files.columns import require_unicode

        batches = iter(reader)
        if reader.format in _COLUMNAR:
            for name in self._text_columns[1:]:  # the reader itself checks the first
                batches = require_unicode(batches, name, reader.name)
        try:
            yield from batches
        except OSError as error:  # said here, for who reads may be writing too
            raise Bm25InputError(f"{reader.name}: cannot be read: {error.strerror or error}") from None

    def _open(self, path: str, schema: pa.Schema | None) -> InputReader:
        from bm25.files import open_input
        from bm25.files.columns import require_text_column

        args = self._args
        options: dict[str, Any] = {
            "format": args.format,
            "text_column": self._text_columns[0],
            "on_error": args.on_error,
        }
        try:
            reader = open_input(
                path,
                schema=schema,
                columns=self._columns,
                block_bytes=args.batch_bytes or block_bytes(self._threads),
                **options,
            )
        except Bm25InputError:
            if path != "-" and self._columns is not None:  # where all columns are read, the error names them
                with open_input(path, **options) as reader:
                    self._require_columns(reader)
            raise
        try:
            for name in self._text_columns[1:]:
                require_text_column(name, reader.schema, reader.name)
        except BaseException:
            reader.close()
            raise
        return reader

    def _require_columns(self, reader: InputReader) -> None:
        from bm25.files.columns import parse_columns, require_column

        for spec in parse_columns(self._columns, None) or ():
            require_column(spec.name, reader.schema.names, reader.name)


def in_order(
    pool: ThreadPoolExecutor, tasks: Iterator[Callable[[], Result]], threads: int
) -> Iterator[Result]:
    """Yield the results of tasks in their order; a task is asked for when there is room for it."""
    from collections import deque

    # A task a thread, and not one for all threads: nobody waits for the last part of it.
    pending: deque[Future[Result]] = deque()
    for task in tasks:
        pending.append(pool.submit(task))
        del task
        while len(pending) > _PENDING * threads or (pending and pending[0].done()):
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def block_bytes(threads: int) -> int:
    """Return the bytes of input a batch: smaller batches where more of them are under way."""
    from bm25.files.reader import DEFAULT_BLOCK_BYTES

    return max(_SMALLEST_BLOCK, min(DEFAULT_BLOCK_BYTES, _PENDING_BYTES // (_PENDING * threads)))


def _task(
    work: Callable[[pa.RecordBatch], Result], batch: pa.RecordBatch, path: str, rows_before: int
) -> Callable[[], Result]:
    def task() -> Result:
        try:
            return work(batch)
        except (Bm25InputError, PluginError) as error:
            raise type(error)(_in_file(str(error), path, rows_before)) from error

    return task


def _in_file(message: str, path: str, rows_before: int) -> str:
    """Name the row of the file instead of the text of the batch, counted from 1, skipped lines left out."""
    name = "standard input" if path == "-" else path
    return re.sub(
        r"^(?:texts|rows)\[(\d+)\]", lambda found: f"{name}: row {rows_before + int(found[1]) + 1}", message
    )
