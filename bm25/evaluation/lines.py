"""Lines of text files, plain or gzipped, and errors that name them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bm25.errors import Bm25InputError

__all__ = ["Lines"]


class Lines:
    """The lines of a file that are not empty; a context manager.

    A file whose name ends in .gz is decompressed. `Bm25InputError` names the file and the line that cannot
    be read.

    Attributes:
        number: of the line that came last, from 1.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = ExitStack()
        self._stored = self._opened.enter_context(path.open("rb"))
        self._stream: Any = self._stored
        if path.suffix == ".gz":
            self._stream = self._opened.enter_context(gzip.GzipFile(fileobj=self._stored))
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        try:
            for number, line in enumerate(self._stream, start=1):
                self.number = number
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if line.strip():
                    yield line.decode()
        except UnicodeDecodeError:
            raise self.error("not valid UTF-8; convert the file to UTF-8") from None
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self.number += 1
            raise self.error(f"the gzip stream is damaged: {error}") from None

    def objects(self) -> Iterator[dict[str, Any]]:
        """Yield the JSON object of each line instead."""
        for line in self:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise self.error(f"not a JSON object: {error}") from None
            if not isinstance(row, dict):
                raise self.error(f"a JSON object is expected on every line, found {line.strip():.40}")
            yield row

    def error(self, what: str) -> Bm25InputError:
        """Return an error that names the file and the line that came last."""
        return Bm25InputError(f"{self._path}: line {self.number}: {what}")

    def bytes_read(self) -> int:
        """Return how many bytes of the file were read, as stored."""
        return self._stored.tell()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: Any) -> None:
        self._opened.close()
