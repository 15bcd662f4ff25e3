import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25InputError, singles
from bm25.analysis.analyzer import Analyzer
from bm25.kernels.weigh import weigh_documents
from bm25.singles import LONGEST_FORM, DocumentEncoder, QueryEncoder
from tests import reference
from tests.oracle import oracle
from tests.strategies import examples, nasty_text

CONFIGS = {
    "default": Bm25Config(),
    "whitespace": Bm25Config(tokenizer="whitespace"),
    "german folding": Bm25Config(language="german", ascii_folding=True),
    "arabic": Bm25Config(language="arabic", max_token_len=4),
    "prefix": Bm25Config(tokenizer="prefix", min_token_len=2, max_token_len=4),
    "code": Bm25Config(tokenizer="code"),
}


def encoder_of(config=CONFIGS["default"], k3=None):
    return QueryEncoder(Analyzer(config, "query"), k3)


SHARED = {name: encoder_of(config) for name, config in CONFIGS.items()}


@pytest.mark.parametrize("name", CONFIGS)
@given(text=nasty_text)
@examples(100)
def test_nasty_text_against_the_oracle(name, text):
    expected = oracle(CONFIGS[name]).embed_query(text)
    # What is known already, and what is not.
    for encoder in (SHARED[name], encoder_of(CONFIGS[name])):
        indices, values = encoder.encode(text)
        assert indices.tolist() == expected.indices
        assert values.tolist() == expected.values


DOCUMENTS = {
    name: DocumentEncoder(Analyzer(config, "document"), weigh_documents) for name, config in CONFIGS.items()
}


@pytest.mark.parametrize("name", CONFIGS)
@given(text=nasty_text, repeats=st.integers(1, 3))
@examples(100)
def test_nasty_documents_against_the_oracle(name, text, repeats):
    text = " ".join([text] * repeats)
    expected = oracle(CONFIGS[name]).embed_document(text)
    fresh = DocumentEncoder(Analyzer(CONFIGS[name], "document"), weigh_documents)
    for encoder in (DOCUMENTS[name], fresh):
        indices, values = encoder.encode(text)
        assert (indices.dtype, values.dtype) == (np.uint32, np.float32)
        assert indices.tolist() == expected.indices
        assert values.tolist() == expected.values


def test_the_length_of_a_text_counts_repeats():
    assert DOCUMENTS["default"].encode_counted("the dogs and a dog · cat")[2] == 3
    assert encoder_of().encode_counted("the dogs and a dog · cat")[2] == 3
    assert encoder_of(k3=8.0).encode_counted("the dogs and a dog · cat")[2] == 3


@given(st.lists(st.tuples(st.sampled_from(["dog", "cat", "fox", "the"]), st.integers(0, 40)), max_size=4))
@examples(100)
def test_lists_hold_the_same_as_arrays(pairs):
    text = " ".join(word for word, times in pairs for _ in range(times))
    for encoder in (DOCUMENTS["default"], encoder_of(), encoder_of(k3=8.0)):
        indices, values = encoder.encode(text)
        ids, weights, _ = encoder.encode_counted(text)
        assert ids == indices.tolist()
        assert np.array(weights, np.float32).view(np.uint32).tolist() == values.view(np.uint32).tolist()
        assert [repr(weight) for weight in weights] == [str(value) for value in values]


def test_weights_that_are_kept_are_bounded(monkeypatch):
    monkeypatch.setattr(singles, "MAX_LENGTHS", 3)
    encoder = DocumentEncoder(Analyzer(CONFIGS["default"], "document"), weigh_documents)
    for length in range(1, 11):
        encoder.encode_counted("dog " * length)
        assert len(encoder._known) <= 3


def test_what_is_not_a_document():
    with pytest.raises(Bm25InputError, match="a document must be a string, got bytes"):
        DOCUMENTS["default"].encode(b"dog")
    with pytest.raises(Bm25InputError, match=r"the document is not valid Unicode: lone surrogate"):
        DOCUMENTS["default"].encode("dog \ud800")


def test_literal_ids():
    indices, values = encoder_of().encode("Running DOGS and the dog")
    assert (indices.dtype, values.dtype) == (np.uint32, np.float32)
    assert (indices.tolist(), values.tolist()) == ([243905464, 1312749093], [1.0, 1.0])


@pytest.mark.parametrize("text", ["", " ", "the", "·", "\n\t"])
@pytest.mark.parametrize("k3", [None, 8.0])
def test_nothing_to_ask_for(text, k3):
    indices, values = encoder_of(k3=k3).encode(text)
    assert (len(indices), len(values)) == (0, 0)
    assert (indices.dtype, values.dtype) == (np.uint32, np.float32)


@given(st.lists(st.sampled_from(["dog", "Dogs", "cat", "the", "q·z"]), max_size=12), st.floats(0, 1e3))
@examples(50)
def test_weights_by_count(words, k3):
    indices, values = encoder_of(k3=k3).encode(" ".join(words))
    terms = {"dog": ["dog"], "Dogs": ["dog"], "cat": ["cat"], "the": [], "q·z": ["q", "z"]}
    ids = [reference.term_id(term.encode()) for word in words for term in terms[word]]
    _, expected, frequencies, _ = reference.counts([ids])
    assert indices.tolist() == expected
    assert values.tolist() == [reference.query_weight(frequency, k3) for frequency in frequencies]


def test_results_are_the_callers_own():
    encoder = encoder_of()
    first = encoder.encode("dog cat")
    first[0][:] = 0
    first[1][:] = 0
    assert encoder.encode("dog cat")[1].tolist() == [1.0, 1.0]
    assert 0 not in encoder.encode("dog cat")[0]


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(singles, "MAX_FORMS", 100)
    encoder = encoder_of()
    for i in range(1000):
        assert encoder.encode(f"word{i} common")[0].tolist() == sorted(
            [reference.term_id(b"common"), reference.term_id(f"word{i}".encode())]
        )
        assert len(encoder._ids) <= 101


def test_one_query_of_more_forms_than_are_kept(monkeypatch):
    monkeypatch.setattr(singles, "MAX_FORMS", 10)
    encoder = encoder_of()
    for _ in range(2):
        assert len(encoder.encode(" ".join(f"word{i}" for i in range(100)))[0]) == 100


def test_long_forms_are_not_kept():
    encoder = encoder_of()
    long = "x" * (LONGEST_FORM + 1)
    for _ in range(2):
        assert encoder.encode(f"a dog {long}")[0].tolist() == sorted(
            [reference.term_id(b"dog"), reference.term_id(long.encode())]
        )
    assert set(encoder._ids) == {"a", "dog"}


@pytest.mark.parametrize("text", [None, 1, b"dog", ["dog"], 1.5])
def test_what_is_not_a_string(text):
    with pytest.raises(Bm25InputError, match=f"a query must be a string, got {type(text).__name__}"):
        encoder_of().encode(text)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_lone_surrogate_is_named_and_nothing_of_the_query_stays(name):
    encoder = encoder_of(CONFIGS[name])
    for text in ("cat dog\ud800", "cat \udfff", "\ud83d cat"):
        with pytest.raises(Bm25InputError, match=r"not valid Unicode: lone surrogate '\\ud"):
            encoder.encode(text)
    assert len(encoder.encode("dog cat")[0]) == 2


# Threads share an encoder without a lock: what another one does between two steps.


def with_another_thread(encoder, work):
    """Have `work` done between the failed look-up of a query's forms and their analysis."""
    find, calls = encoder._surface_forms, []

    def surface_forms(text):
        calls.append(text)
        if len(calls) == 2:
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        return find(text)

    encoder._surface_forms = surface_forms


def test_another_thread_learns_the_same_forms_meanwhile():
    encoder, expected = encoder_of(), encoder_of().encode("dog cat")[0].tolist()
    with_another_thread(encoder, lambda: encoder.encode("cat dog"))
    assert encoder.encode("dog cat")[0].tolist() == expected


def test_another_thread_forgets_known_forms_meanwhile(monkeypatch):
    encoder, expected = encoder_of(), encoder_of().encode("dog cat")[0].tolist()
    encoder.encode("dog")
    analyzer, analyze = encoder._analyzer, encoder._analyzer.analyze
    calls = []

    def analyze_and_forget(text):
        calls.append(text)
        if len(calls) == 1:
            monkeypatch.setattr(singles, "MAX_FORMS", 0)
            thread = threading.Thread(target=encoder.encode, args=("something else",))
            thread.start()
            thread.join()
        return analyze(text)

    monkeypatch.setattr(analyzer, "analyze", analyze_and_forget)
    assert encoder.encode("dog cat")[0].tolist() == expected
    assert len(calls) >= 2
