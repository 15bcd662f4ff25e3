"""Collections in BEIR's layout: documents, queries, and judgements of which documents answer which query.

    FOLDER/corpus.jsonl     {"_id": "d1", "title": "...", "text": "..."}     one document a line
    FOLDER/queries.jsonl    {"_id": "q1", "text": "..."}
    FOLDER/qrels/test.tsv   query-id, corpus-id and score with tabs between, under one header line

Each may be gzipped under its name and ".gz". Thakur et al. (2021), BEIR: A heterogeneous benchmark for
zero-shot evaluation of information retrieval models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from bm25.errors import Bm25InputError
from bm25.evaluation.lines import Lines

__all__ = ["BeirCollection", "DocumentNumbers", "Query"]

BATCH_TEXTS = 8192
BATCH_CHARACTERS = 4 << 20

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """A query with at least one relevant document.

    Attributes:
        id: its id, as text.
        text: what is asked.
        grades: document id -> grade of relevance, of all judged documents; above 0 is relevant.
    """

    id: str
    text: str
    grades: Mapping[str, int]


class BeirCollection:
    """A folder of documents, queries and judgements. Documents are streamed, the rest is kept.

    Attributes:
        name: the folder's name.
        split: which judgements were read.
        queries: those with at least one relevant document, in the order of their file.
        bytes_total: size of the file of documents, as stored.
    """

    def __init__(self, folder: str | PathLike[str], *, split: str = "test") -> None:
        """Read queries and judgements.

        Raises:
            Bm25InputError: a file is missing, or a line of it cannot be used; names file and line.
        """
        self.folder = Path(folder)
        self.name = self.folder.resolve().name
        self.split = split
        if not self.folder.is_dir():
            what = "is not a folder" if self.folder.exists() else "no such folder"
            raise Bm25InputError(f"{self.folder}: {what}; {_LAYOUT}")
        self._corpus = self._file("corpus.jsonl")
        self.bytes_total = self._corpus.stat().st_size
        self._judgements = self._judgements_file()
        self.queries = self._read_queries(self._read_judgements())
        self._mentioned = {query.id for query in self.queries}
        self._mentioned.update(*(query.grades for query in self.queries))

    def __repr__(self) -> str:
        return f"<BeirCollection {self.name!r}, {len(self.queries)} judged queries of {self.split!r}>"

    def read_documents(
        self, numbers: DocumentNumbers, progress: Callable[[int], None] | None = None
    ) -> Iterator[list[str]]:
        """Yield the documents' texts in batches, in the order of the file.

        Title, a space and text are one string, or the text alone where there is no title.

        Args:
            numbers: a new one, which is complete once all texts were taken.
            progress: called after each batch with the bytes of the file read so far, as stored.

        Raises:
            Bm25InputError: a line cannot be used, or an id comes twice; names file and line.
        """
        hashes: list[Array] = []
        texts: list[str] = []
        ids: list[int] = []
        characters = 0
        with Lines(self._corpus) as lines:
            for row in lines.objects():
                document_id = _identifier(row, lines)
                title = _text(row, "title", lines, optional=True)
                text = _text(row, "text", lines)
                if document_id in self._mentioned:
                    numbers.by_id[document_id] = numbers.count + len(texts)
                texts.append(f"{title} {text}" if title else text)
                ids.append(hash(document_id))
                characters += len(texts[-1])
                if len(texts) == BATCH_TEXTS or characters >= BATCH_CHARACTERS:
                    hashes.append(np.array(ids, np.int64))
                    numbers.count += len(texts)
                    yield texts
                    texts, ids, characters = [], [], 0
                    if progress is not None:
                        progress(lines.bytes_read())
        hashes.append(np.array(ids, np.int64))
        numbers.count += len(texts)
        if texts:
            yield texts
        if not numbers.count:
            raise Bm25InputError(f"{self._corpus}: no documents; {_DOCUMENT} is expected on every line")
        if progress is not None:
            progress(self.bytes_total)
        self._refuse_duplicates(np.concatenate(hashes))

    def _refuse_duplicates(self, hashes: Array) -> None:
        # Millions of ids are held as hashes only. Where two are equal the file is read again for the lines.
        distinct, counts = np.unique(hashes, return_counts=True)
        suspects = set(distinct[counts > 1].tolist())
        if not suspects:
            return
        first: dict[str, int] = {}
        with Lines(self._corpus) as lines:
            for row in lines.objects():
                document_id = _identifier(row, lines)
                if hash(document_id) in suspects:
                    _refuse_second(first, document_id, lines)

    def _file(self, name: str) -> Path:
        for candidate in (self.folder / name, self.folder / f"{name}.gz"):
            if candidate.is_file():
                return candidate
        raise Bm25InputError(f"{self.folder}: no {name} or {name}.gz; {_LAYOUT}")

    def _judgements_file(self) -> Path:
        splits = sorted({path.name.split(".tsv")[0] for path in (self.folder / "qrels").glob("*.tsv*")})
        if splits and self.split not in splits:
            raise Bm25InputError(
                f"{self.folder}: no judgements qrels/{self.split}.tsv; splits here: {', '.join(splits)}"
            )
        return self._file(f"qrels/{self.split}.tsv")

    def _read_judgements(self) -> dict[str, dict[str, int]]:
        grades: dict[str, dict[str, int]] = {}
        with Lines(self._judgements) as lines:
            for line in lines:
                if lines.number == 1:
                    _check_header(line, lines)
                    continue
                query_id, document_id, grade = _judgement(line, lines)
                known = grades.setdefault(query_id, {}).setdefault(document_id, grade)
                if known != grade:
                    raise lines.error(
                        f"document {document_id!r} has the score {grade} for query {query_id!r}, and "
                        f"{known} in an earlier line; one score is expected"
                    )
        return grades

    def _read_queries(self, grades: dict[str, dict[str, int]]) -> list[Query]:
        first: dict[str, int] = {}
        queries = []
        path = self._file("queries.jsonl")
        with Lines(path) as lines:
            for row in lines.objects():
                query_id = _identifier(row, lines)
                text = _text(row, "text", lines)
                _refuse_second(first, query_id, lines)
                judged = grades.get(query_id, {})
                if any(grade > 0 for grade in judged.values()):
                    queries.append(Query(query_id, text, judged))
        for query_id in grades:
            if query_id not in first:
                raise Bm25InputError(
                    f"{self._judgements}: judges query {query_id!r}, which is not in {path}; "
                    "a line with its text is expected there"
                )
        if not queries:
            raise Bm25InputError(f"{self._judgements}: no query has a relevant document (a score above 0)")
        return queries


class DocumentNumbers:
    """Which document has which number, from 0 on in the order of the file; of the documents that matter.

    Attributes:
        count: documents seen so far.
        by_id: numbers of the documents that are judged, or whose id is that of a query.
    """

    def __init__(self) -> None:
        self.count = 0
        self.by_id: dict[str, int] = {}

    def judgements(self, queries: list[Query]) -> tuple[list[dict[int, int]], int]:
        """Return document number -> grade for each query, and how many judged documents do not exist.

        Those have numbers from `count` on: nothing finds them, and an ideal ranking would.
        """
        missing: dict[str, int] = {}
        judged = [
            {
                self.by_id[document_id]
                if document_id in self.by_id
                else missing.setdefault(document_id, self.count + len(missing)): grade
                for document_id, grade in query.grades.items()
            }
            for query in queries
        ]
        return judged, len(missing)

    def own(self, queries: list[Query]) -> Array:
        """Return for each query the document with the query's id, -1 where there is none; int64."""
        return np.array([self.by_id.get(query.id, -1) for query in queries], np.int64)


_DOCUMENT = '{"_id": "...", "title": "...", "text": "..."}'
_LAYOUT = "a collection in BEIR's layout has corpus.jsonl, queries.jsonl (or .jsonl.gz) and qrels/SPLIT.tsv"
_COLUMNS = "query-id, corpus-id and score with tabs between"


def _identifier(row: dict[str, Any], lines: Lines) -> str:
    value = row.get("_id")
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise lines.error(f'"_id" must be a string or an integer, got {_shown(value)}')
    return str(value)


def _text(row: dict[str, Any], name: str, lines: Lines, *, optional: bool = False) -> str:
    value = row.get(name)
    if value is None and optional:
        return ""
    if not isinstance(value, str):
        raise lines.error(f'"{name}" must be a string, got {_shown(value)}')
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise lines.error(
                f'"{name}" is not valid Unicode: lone surrogate '
                f"\\u{ord(value[error.start]):04x} at position {error.start}"
            ) from None
    return value


def _shown(value: Any) -> str:
    return "none" if value is None else json.dumps(value)[:60]


def _refuse_second(first: dict[str, int], identifier: str, lines: Lines) -> None:
    if identifier in first:
        raise lines.error(
            f'"_id" {identifier!r} is that of line {first[identifier]} too; each is expected once'
        )
    first[identifier] = lines.number


def _check_header(line: str, lines: Lines) -> None:
    if line.rstrip().split("\t")[-1].lstrip("+-").isdigit():
        raise lines.error(
            f"a header is expected before the judgements ({_COLUMNS}), found {line.strip()!r:.80}"
        )


def _judgement(line: str, lines: Lines) -> tuple[str, str, int]:
    try:
        query_id, document_id, score = line.rstrip("\r\n").split("\t")
        return query_id, document_id, int(score)
    except ValueError:
        raise lines.error(
            f"{_COLUMNS} are expected, the score an integer; found {line.strip()!r:.80}"
        ) from None
