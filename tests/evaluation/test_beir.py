import json

import pytest

from bm25.errors import Bm25InputError
from bm25.evaluation import beir
from bm25.evaluation.beir import BeirCollection, DocumentNumbers, Query
from tests.evaluation.collection import DOCUMENTS, JUDGEMENTS, QUERIES, compress, write_collection


def read(collection):
    numbers = DocumentNumbers()
    texts = [text for batch in collection.read_documents(numbers) for text in batch]
    return texts, numbers


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_collection(tmp_path, gzipped):
    folder = write_collection(tmp_path / "pets")
    if gzipped:
        for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
            compress(folder / name)
    collection = BeirCollection(folder)
    assert collection.name == "pets"
    assert repr(collection) == "<BeirCollection 'pets', 2 judged queries of 'test'>"
    assert collection.queries == [
        Query("q1", "where do foxes live", {"d1": 1, "d3": 2}),
        Query("q2", "lazy dogs", {"d2": 1, "d3": 0}),
    ]
    texts, numbers = read(collection)
    assert texts == [
        "Foxes The quick brown fox jumps over the lazy dog",
        "Dogs and more dogs",  # no title
        "A fox, a fox and a hen",  # an empty one
        "The and of",
    ]
    assert numbers.count == 4
    assert numbers.by_id == {"d1": 0, "d2": 1, "d3": 2}  # d4 is not judged
    assert numbers.judgements(collection.queries) == ([{0: 1, 2: 2}, {1: 1, 2: 0}], 0)
    assert numbers.own(collection.queries).tolist() == [-1, -1]


def test_a_folder_is_named_however_it_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(write_collection(tmp_path / "pets"))
    assert BeirCollection(".").name == "pets"


def test_other_splits(tmp_path):
    folder = write_collection(tmp_path, judgements=JUDGEMENTS[:2], split="dev")
    assert [query.id for query in BeirCollection(folder, split="dev").queries] == ["q1"]
    write_collection(tmp_path, split="train")
    with pytest.raises(Bm25InputError, match=r"no judgements qrels/test.tsv; splits here: dev, train"):
        BeirCollection(folder)


def test_integer_ids_are_texts(tmp_path):
    documents = [{"_id": i, "text": "dogs", "title": None} for i in range(3)]
    write_collection(tmp_path, documents, [{"_id": 2, "text": "dog"}], [(2, 1, 1)])
    collection = BeirCollection(tmp_path)
    texts, numbers = read(collection)
    assert texts == ["dogs"] * 3
    assert numbers.by_id == {"1": 1, "2": 2}
    assert numbers.own(collection.queries).tolist() == [2]  # the document that is the query


def test_judged_documents_that_do_not_exist_have_numbers_after_the_last(tmp_path):
    judgements = [*JUDGEMENTS, ("q1", "d8", 1), ("q2", "d9", 1), ("q2", "d8", 2)]
    collection = BeirCollection(write_collection(tmp_path, judgements=judgements))
    _, numbers = read(collection)
    assert numbers.judgements(collection.queries) == ([{0: 1, 2: 2, 4: 1}, {1: 1, 2: 0, 5: 1, 4: 2}], 2)


def test_batches_and_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(beir, "BATCH_TEXTS", 3)
    documents = [{"_id": f"d{i}", "text": f"word{i}"} for i in range(8)]
    collection = BeirCollection(write_collection(tmp_path, documents, QUERIES[:2]))
    told = []
    numbers = DocumentNumbers()
    batches = list(collection.read_documents(numbers, told.append))
    assert [len(batch) for batch in batches] == [3, 3, 2]
    assert (numbers.count, numbers.by_id) == (8, {"d1": 1, "d2": 2, "d3": 3})
    assert told == sorted(told)
    assert told[-1] == collection.bytes_total
    monkeypatch.setattr(beir, "BATCH_CHARACTERS", 10)
    assert [len(batch) for batch in collection.read_documents(DocumentNumbers())] == [2, 2, 2, 2]


def test_ids_that_come_twice_are_found_over_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(beir, "BATCH_TEXTS", 2)
    collection = BeirCollection(write_collection(tmp_path, [*DOCUMENTS, {"_id": "d2", "text": "again"}]))
    with pytest.raises(Bm25InputError) as error:
        read(collection)
    assert str(error.value) == (
        f"{tmp_path}/corpus.jsonl: line 5: \"_id\" 'd2' is that of line 2 too; each is expected once"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "x"}', '"_id" must be a string or an integer, got none'),
        ('{"_id": true, "text": "x"}', '"_id" must be a string or an integer, got true'),
        ('{"_id": "", "text": "x"}', '"_id" must be a string or an integer, got ""'),
        ('{"_id": "d5"}', '"text" must be a string, got none'),
        ('{"_id": "d5", "text": 5}', '"text" must be a string, got 5'),
        ('{"_id": "d5", "text": "x", "title": ["y"]}', '"title" must be a string, got ["y"]'),
        ('{"_id": "d5", "text": "a\\ud800"}', '"text" is not valid Unicode: lone surrogate \\ud800 at pos'),
        ("d5", "not a JSON object"),
    ],
)  # fmt: skip
def test_unusable_documents_are_named(tmp_path, line, message):
    folder = write_collection(tmp_path)
    with open(folder / "corpus.jsonl", "a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(Bm25InputError) as error:
        read(BeirCollection(folder))
    assert str(error.value).startswith(f"{tmp_path}/corpus.jsonl: line 6: {message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q1\td1\t1\n", "line 1: a header is expected before the judgements (query-id, corpus-id and score"),
        ("query-id\tcorpus-id\tscore\nq1 d1 1\n", "line 2: query-id, corpus-id and score with tabs between"),
        ("query-id\tcorpus-id\tscore\nq1\td1\t1.5\n", "the score an integer; found 'q1\\td1\\t1.5'"),
        ("query-id\tcorpus-id\tscore\nq1\t0\td1\t1\n", "found 'q1\\t0\\td1\\t1'"),
        ("h\th\th\nq1\td1\t1\nq1\td1\t1\nq1\td1\t2\n", "line 4: document 'd1' has the score 2 for query"),
        ("h\th\th\nq9\td1\t1\n", "judges query 'q9', which is not in"),
        ("h\th\th\nq1\td1\t0\n", "no query has a relevant document (a score above 0)"),
        ("", "no query has a relevant document"),
    ],
)  # fmt: skip
def test_unusable_judgements_are_named(tmp_path, text, message):
    folder = write_collection(tmp_path)
    (folder / "qrels" / "test.tsv").write_text(text)
    with pytest.raises(Bm25InputError) as error:
        BeirCollection(folder)
    assert str(error.value).startswith(f"{tmp_path}/qrels/test.tsv: ")
    assert message in str(error.value)


def test_unusable_queries_are_named(tmp_path):
    with pytest.raises(Bm25InputError, match=r"queries.jsonl: line 4: \"_id\" 'q1' is that of line 1 too"):
        BeirCollection(write_collection(tmp_path, queries=[*QUERIES, {"_id": "q1", "text": "x"}]))
    with pytest.raises(Bm25InputError, match=r"queries.jsonl: line 1: \"text\" must be a string, got none"):
        BeirCollection(write_collection(tmp_path, queries=[{"_id": "q1"}]))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(
        Bm25InputError, match=r"nope: no such folder; a collection in BEIR's layout has corpus"
    ):
        BeirCollection(tmp_path / "nope")
    (tmp_path / "file").touch()
    with pytest.raises(Bm25InputError, match="file: is not a folder"):
        BeirCollection(tmp_path / "file")
    for name in ("qrels/test.tsv", "queries.jsonl", "corpus.jsonl"):
        folder = write_collection(tmp_path / "x")
        (folder / name).unlink()
        with pytest.raises(Bm25InputError, match=f"x: no {name} or {name}.gz; a collection in BEIR's layout"):
            BeirCollection(folder)


def test_a_collection_without_documents(tmp_path):
    with pytest.raises(Bm25InputError, match=r"corpus.jsonl: no documents"):
        read(BeirCollection(write_collection(tmp_path, [])))


def test_rows_may_have_more_fields(tmp_path):
    documents = [{**row, "metadata": {"url": "x"}} for row in DOCUMENTS]
    assert len(read(BeirCollection(write_collection(tmp_path, documents)))[0]) == 4
    assert json.loads((tmp_path / "corpus.jsonl").read_text().splitlines()[0])["metadata"]
