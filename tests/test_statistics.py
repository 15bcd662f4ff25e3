import math
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder, CorpusStatistics, SparseVectors, StatisticsStore, TermCounts
from bm25.errors import Bm25ConfigError, Bm25Error, Bm25InputError
from bm25.statistics import StatisticsBuilder
from tests import corpora, reference
from tests.conftest import REDUCED
from tests.oracle import oracle
from tests.store.model import PLAIN, Recount, assert_statistics, frequencies
from tests.strategies import examples

ENCODER = Bm25Encoder(PLAIN, threads=1)
WORDS = ["ant", "bee", "cat", "dog", "eel", "fox"]

texts = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), max_size=10)


def count(chosen, **options):
    return CorpusStatistics.from_counts(ENCODER.count_documents(chosen), **options)


def recount(chosen):
    return Recount.of(map(frequencies, chosen))


def term_id(word):
    return reference.term_id(word.encode())


@given(texts)
@examples(50)
def test_counting_against_the_recount(chosen):
    statistics = count(chosen)
    assert_statistics(statistics, recount(chosen))
    assert len(statistics) == len({word for text in chosen for word in text.split()})
    assert dict(statistics.terms) == {term_id(w): w for text in chosen for w in text.split()}


def parts_of(data, items):
    """Items drawn apart: some lists that together have all of them."""
    numbers = data.draw(st.lists(st.integers(0, 3), min_size=len(items), max_size=len(items)))
    return [[item for item, n in zip(items, numbers, strict=True) if n == part] for part in range(4)]


@given(texts, st.data())
@examples(100)
def test_any_grouping_of_any_partition_gives_the_same(chosen, data):
    whole = count(chosen)
    parts = [count(part) for part in parts_of(data, chosen)]
    order = data.draw(st.permutations(parts))
    while len(order) > 1:
        at = data.draw(st.integers(0, len(order) - 2))
        order[at : at + 2] = [order[at] + order[at + 1]]
    assert order[0] == whole
    assert_statistics(order[0], recount(chosen))
    assert order[0].terms == whole.terms
    builder = StatisticsBuilder()
    for part in parts_of(data, chosen):
        builder.add(ENCODER.count_documents(part))
    assert builder.result() == whole


@given(texts, texts)
@examples(50)
def test_what_was_added_can_be_subtracted(one, other):
    a, b = count(one), count(other)
    assert a + b == b + a
    assert a + b - b == a
    assert a + b - a - b == CorpusStatistics.empty()
    assert a - CorpusStatistics.empty() == a + CorpusStatistics.empty() == a
    difference = a + b - b
    assert difference.terms == a.terms, "terms of no document are not kept"
    assert_statistics(a, recount(one))  # a value: nothing changed it


@given(texts, texts)
@examples(50)
def test_a_subtraction_is_exact_or_refused(one, other):
    a, b = recount(one), recount(other)
    possible = (
        all(x >= y for x, y in zip(a.totals, b.totals, strict=True))
        and all(a.document_frequency.get(i, 0) >= df for i, df in b.document_frequency.items())
        and all(a.collection_frequency.get(i, 0) >= cf for i, cf in b.collection_frequency.items())
    )
    left = {
        i: (a.document_frequency[i] - b.document_frequency.get(i, 0),
            a.collection_frequency[i] - b.collection_frequency.get(i, 0))
        for i in a.document_frequency
    }  # fmt: skip
    # A term with occurrences in no document, or the other way round, was never counted.
    contradictory = any((df == 0) != (cf == 0) or cf < df for df, cf in left.values())
    if possible and not contradictory:
        result = count(one) - count(other)
        expected = {i: pair for i, pair in left.items() if pair != (0, 0)}
        assert result.term_ids.tolist() == sorted(expected)
        assert result.document_frequencies.tolist() == [expected[i][0] for i in sorted(expected)]
        assert result.collection_frequencies.tolist() == [expected[i][1] for i in sorted(expected)]
    else:
        with pytest.raises(Bm25InputError, match="must be part of the corpus"):
            count(one) - count(other)


def test_below_zero_names_the_term():
    a, b = count(["cat dog", "cat"]), count(["cat cat cat cat"])
    name = rf"term 'cat' \(id {term_id('cat')}\)"
    message = f"{name} would have document frequency 2 - 1 and collection frequency 2 - 4"
    with pytest.raises(Bm25InputError, match="total_length would be 3 - 4"):
        a - b
    with pytest.raises(Bm25InputError, match=message):
        a + count(["ant ant ant"]) - b
    with pytest.raises(Bm25InputError, match=r"term 'eel' \(id \d+\) would have document frequency 0 - 1 "):
        a - count(["eel"])
    with pytest.raises(Bm25InputError, match=f"term id {term_id('eel')} would"):
        count(["cat dog", "cat"], terms=False) - count(["eel"], terms=False)
    with pytest.raises(Bm25InputError, match="empty_count would be 0 - 1"):
        a - count([""])
    with pytest.raises(Bm25InputError, match="document_count would be 0 - 2"):
        CorpusStatistics.empty() - a
    with pytest.raises(TypeError):
        a - 1
    with pytest.raises(TypeError):
        a + None


def test_frequencies_are_exact_beyond_32_bits():
    statistics = count(["cat cat cat", "dog"])
    for _ in range(34):
        statistics = statistics + statistics
    assert statistics.document_frequency([term_id("cat")]).tolist() == [2**34]
    assert statistics.collection_frequency([term_id("cat")]).tolist() == [3 * 2**34]
    assert statistics.total_length == 4 * 2**34
    assert statistics.document_count == 2 * 2**34
    assert statistics.average_length == 2.0
    assert statistics - statistics == CorpusStatistics.empty()


def test_what_arrays_are():
    statistics = count(["cat dog", "cat", ""])
    for array in (
        statistics.term_ids, statistics.document_frequencies, statistics.collection_frequencies
    ):  # fmt: skip
        with pytest.raises(ValueError):
            array[0] = 1
    assert statistics != count(["cat dog", "cat"])
    assert statistics == count(["", "cat", "dog cat"], terms=False)
    assert statistics != 3
    assert "2 documents, 1 empty ones, 2 terms, average length 1.5" in repr(statistics)
    again = pickle.loads(pickle.dumps(statistics))
    assert again == statistics
    assert again.terms == statistics.terms
    with pytest.raises(TypeError):
        hash(statistics)


def test_the_dictionary_is_no_part_of_the_value_but_travels_with_it():
    named, nameless = count(["cat"]), count(["dog"], terms=False)
    assert nameless.terms is None
    assert (named + nameless).terms is None
    assert (named + named).terms == named.terms
    assert (named + CorpusStatistics.empty()).terms == named.terms
    assert (CorpusStatistics.empty() + named).terms == named.terms


def test_lookups():
    statistics = count(["cat cat dog", "cat"])
    cat, dog, eel = map(term_id, ("cat", "dog", "eel"))
    assert statistics.document_frequency([eel, cat, dog, cat]).tolist() == [0, 2, 1, 2]
    assert statistics.collection_frequency(np.array([dog, cat], np.int64)).tolist() == [1, 3]
    assert statistics.document_frequency([]).tolist() == []
    assert CorpusStatistics.empty().document_frequency([0, 2**31]).tolist() == [0, 0]
    for bad in ([-1], [2**31 + 1], [0.5]):
        with pytest.raises(Bm25InputError, match="term ids are integers from 0 to 2147483648"):
            statistics.document_frequency(bad)
    found = statistics.term(cat)
    assert (found.term_id, found.term) == (cat, "cat")
    assert (found.document_frequency, found.collection_frequency) == (2, 3)
    # ln(1 + (2 - 2 + 0.5) / (2 + 0.5)) = ln 1.2
    assert found.idf == pytest.approx(math.log(1.2))
    assert statistics.term(eel).term is None
    assert statistics.term(eel).document_frequency == 0


def test_the_most_frequent_terms():
    statistics = count(["cat cat cat", "dog ant", "dog"])
    ant, cat = sorted(map(term_id, ("ant", "cat")))
    assert [t.term_id for t in statistics.top()] == [term_id("dog"), ant, cat]
    assert [t.term for t in statistics.top(2, by="collection_frequency")] == ["cat", "dog"]
    assert statistics.top(0) == []
    assert [t.term for t in statistics.top(1)] == ["dog"]
    assert CorpusStatistics.empty().top() == []
    with pytest.raises(Bm25ConfigError, match="by must be one of document_frequency, collection_frequency"):
        statistics.top(by="df")


def test_the_difference_of_two():
    before, after = count(["cat dog", "cat", ""]), count(["cat dog eel", "cat cat", "eel"])
    difference = after.diff(before)
    assert (difference.document_count, difference.empty_count, difference.total_length) == (1, -1, 3)
    assert difference.average_length == pytest.approx(2 - 1.5)
    assert (difference.new_terms, difference.lost_terms, difference.changed_terms) == (1, 0, 1)
    assert [(c.term, c.before, c.after) for c in difference.largest] == [("eel", 0, 2)]
    assert before.diff(after).lost_terms == 1
    assert after.diff(after).largest == ()


def test_as_a_table():
    statistics = count(["cat cat dog", "cat"])
    table = statistics.to_arrow()
    assert table.column_names == ["term_id", "document_frequency", "collection_frequency", "term"]
    assert table.schema.types[:3] == [pa.uint32(), pa.int64(), pa.int64()]
    rows = {row["term"]: row for row in table.to_pylist()}
    assert rows["cat"] == {
        "term_id": term_id("cat"), "document_frequency": 2, "collection_frequency": 3, "term": "cat"
    }  # fmt: skip
    assert count(["cat"], terms=False).to_arrow().column_names == table.column_names[:3]
    assert CorpusStatistics.empty().to_arrow().num_rows == 0


def test_idf_multiplied_into_vectors():
    statistics = count(["cat cat dog", "cat"])
    vectors = ENCODER.encode_documents(["dog cat", "eel", None])
    weighted = statistics.apply_idf(vectors)
    assert weighted.idf == "qdrant"
    assert np.array_equal(weighted.indices, vectors.indices)
    assert weighted.values.dtype == np.float32
    for value, old, number in zip(weighted.values, vectors.values, vectors.indices, strict=True):
        idf = math.log1p((2 - (df := int(statistics.document_frequency([number])[0])) + 0.5) / (df + 0.5))
        assert value == np.float32(old) * np.float32(idf)
    assert isinstance(weighted, SparseVectors)
    with pytest.raises(Bm25InputError, match="twice would square it"):
        statistics.apply_idf(weighted)


# Real collections, in several languages, by the oracle's own tokens

COLLECTIONS = ["cacm", "xquad-ar", "xquad-de", "xquad-ru", "xquad-tr"]


@pytest.mark.parametrize("name", COLLECTIONS)
def test_real_collections_against_a_recount_of_the_oracle_s_tokens(name, tmp_path):
    config = Bm25Config(language=corpora.LANGUAGES[name])
    found = corpora.documents(name)[: 100 if REDUCED else None]
    engine = oracle(Bm25Config.from_dict({**config.to_dict(), "k": 1e300, "b": 0.0}))
    vectors = [engine.embed_document(text) for text in found]
    counted = [{i: int(value) for i, value in zip(v.indices, v.values, strict=True)} for v in vectors]
    expected = Recount.of(counted)

    encoder = Bm25Encoder(config, threads=1)
    assert_statistics(CorpusStatistics.from_counts(encoder.count_documents(found)), expected)
    ids = [f"{name}/{number}" for number in range(len(found))]
    third = len(found) // 3
    with StatisticsStore.create(tmp_path / "store", config) as store:
        # All texts come in, some of them wrong, some twice; some go and come back.
        with store.write() as batch:
            batch.add(ids[:third], encoder.count_documents(found[third : 2 * third]), tenant="first")
        with store.write() as batch:
            batch.add(ids, encoder.count_documents(found), tenant="all")
        with store.write() as batch:
            batch.add(["extra"], encoder.count_documents([" ".join(found[:20])]))
            batch.remove(ids[third : 2 * third])
        assert_statistics(store.statistics("all"), Recount.of(counted[:third] + counted[2 * third :]))
        with store.write() as batch:
            batch.remove(["extra"])
            batch.add(ids[third:], encoder.count_documents(found[third:]), tenant="all")
        assert batch.summary.unchanged == len(found) - 2 * third
        for _ in range(2):
            assert_statistics(store.statistics(), expected)
            assert_statistics(store.statistics("all"), expected)
            assert list(store.tenants()) == ["all"]
            assert store.verify().documents == len(found)
            store.compact()
        for number in range(0, len(found), 97):
            entry = store.document(ids[number])
            assert entry.counts == counted[number]
            assert entry.length == sum(counted[number].values())
        assert store.encoder().config.avg_len == store.epoch.avg_len


@pytest.mark.parametrize("term_id", [2**31 + 1, 2**32 - 1])
def test_what_is_no_term_id_is_not_counted(term_id):
    one = np.array([5, term_id], np.uint32)
    counts = TermCounts(np.array([0, 2]), one, np.ones(2, np.uint32), np.array([2], np.uint32))
    builder = StatisticsBuilder(terms=False)
    with pytest.raises(Bm25InputError, match=f"{term_id} is no term id: they go from 0 to 2147483648"):
        builder.add(counts)
    assert builder.result() == CorpusStatistics.empty()


def test_other_things_are_refused():
    statistics = CorpusStatistics.empty()
    for call, message in (
        (lambda: CorpusStatistics.from_counts(["text"]), "expected TermCounts, got list"),
        (lambda: statistics.apply_idf([1]), "expected SparseVectors, got list"),
        (lambda: statistics.document_frequency(5), "term_ids must be a sequence of ids"),
        (lambda: statistics.document_frequency(np.zeros((2, 2), np.uint32)), "term_ids must be a sequence"),
        (
            lambda: statistics.document_frequency([-1]),
            r"integers from 0 to 2147483648, got \[-1\]",
        ),
        (lambda: statistics.top(-1), "limit must be an integer of at least 0, got -1"),
        (lambda: statistics.top(1.5), "limit must be an integer of at least 0, got 1.5"),
    ):
        with pytest.raises(Bm25Error, match=message):
            call()
