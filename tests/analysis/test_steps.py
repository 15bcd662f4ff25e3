import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.analysis import steps
from bm25.analysis.stemming import stemmer
from bm25.plugins import Plugin
from tests.strategies import examples


def plugin(function):
    return Plugin("p", "1", function)


def run(step, *tokens):
    """The tokens that come out of a step, and of which of those that went in each came."""
    found, owners = step(list(tokens), range(len(tokens)))
    return list(found), list(owners)


LISTS = {"english": frozenset({"the", "a"}), "custom": frozenset({"the", "foo"})}
SYNONYMS = {"tv": ("television",), "car": ("car", "auto")}


def halves(token):
    return [] if token == "gone" else [token[:1], token[1:]]


@pytest.mark.parametrize(
    ("step", "tokens", "found", "owners"),
    [
        (steps.Stopwords(LISTS), ["the", "cat", "foo", "The"], ["cat", "The"], [1, 3]),
        (steps.Stopwords(LISTS), ["cat"], ["cat"], [0]),
        (steps.Stopwords(LISTS), ["a", "the"], [], []),
        (steps.Synonyms(SYNONYMS), ["tv", "car", "x"], ["television", "car", "auto", "x"], [0, 1, 1, 2]),
        (steps.Synonyms(SYNONYMS), ["x", "y"], ["x", "y"], [0, 1]),
        (steps.Filter(plugin(halves)), ["ab", "gone", "c"], ["a", "b", "c"], [0, 0, 2]),
        (steps.Stem("english", stemmer("english")), ["running", "added"], ["run", "ad"], [0, 1]),
        (
            steps.Stem("english", stemmer("english"), ["running"]),
            ["running", "runs"],
            ["running", "run"],
            [0, 1],
        ),
        (steps.StemByPlugin(plugin(halves)), ["ab", "gone", "cd"], ["a", "b", "c", "d"], [0, 0, 2, 2]),
        (
            steps.StemByPlugin(plugin(halves), ["ab", "gone"]),
            ["ab", "gone", "cd"],
            ["ab", "gone", "c", "d"],
            [0, 1, 2, 2],
        ),
        (steps.Lengths(2, 3), ["a", "ab", "abc", "abcd", "", "日本語"], ["ab", "abc", "日本語"], [1, 2, 5]),
        (steps.Lengths(0, None), ["", "abcd"], ["", "abcd"], [0, 1]),
        (steps.Lengths(1, None), ["", "x" * 1000], ["x" * 1000], [1]),
        (steps.Lengths(0, 0), ["", "a"], [""], [0]),
        (steps.Prefixes(1, None, longest_only=False), ["abc", "é"], ["a", "ab", "abc", "é"], [0, 0, 0, 1]),
        (steps.Prefixes(2, 3, longest_only=False), ["a", "ab", "abcd"], ["ab", "ab", "abc"], [1, 2, 2]),
        (steps.Prefixes(2, None, longest_only=True), ["a", "ab", "abcd"], ["ab", "abcd"], [1, 2]),
        (steps.Prefixes(2, 3, longest_only=True), ["a", "ab", "abcd"], ["ab", "abc"], [1, 2]),
        # An empty stem is its own prefix where no least length is given, and the empty prefix is one of
        # every token's where that is 0.
        (steps.Prefixes(None, None, longest_only=False), ["", "ab", ""], ["", "a", "ab", ""], [0, 1, 1, 2]),
        (steps.Prefixes(None, 0, longest_only=False), ["", "ab"], [], []),
        (steps.Prefixes(None, 0, longest_only=True), ["", "ab"], ["", ""], [0, 1]),
        (steps.Prefixes(0, 1, longest_only=False), ["", "ab"], ["", "", "a"], [0, 1, 1]),
        (steps.Prefixes(1, None, longest_only=False), ["", "a"], ["a"], [1]),
        (steps.Prefixes(1, None, longest_only=True), ["", "a"], ["a"], [1]),
        (
            steps.Prefixes(1, 3, longest_only=False),
            ["\U0001f600é日x"],
            ["\U0001f600", "\U0001f600é", "\U0001f600é日"],
            [0, 0, 0],
        ),
    ],
)
def test_tokens_and_their_owners(step, tokens, found, owners):
    assert run(step, *tokens) == (found, owners)
    # The numbers are the caller's: they are passed on, not made anew.
    assert list(step(list(tokens), [10 * i + 7 for i in range(len(tokens))])[1]) == [
        10 * i + 7 for i in owners
    ]
    assert run(step) == ([], [])


@pytest.mark.parametrize(
    ("step", "text", "found"),
    [
        (steps.Lowercase(), "ÀB İ\nΑΣ ΣΑ\n\nẞ", "àb i\u0307\nας σα\n\nß"),
        (steps.LowercaseFastEmbed(), "ÀB İx\nΑΣ _A\n\nẞ", "àb i x\nας _a\n\nß"),
        (steps.Fold(), "ÀB Łø\nǅ ﬁ\n日", "AB Lo\nDz fi\n日"),
    ],
)
def test_text(step, text, found):
    assert step(text) == found


@pytest.mark.parametrize(
    ("step", "token", "reason"),
    [
        (steps.Stopwords(LISTS), "a", "stopword (english)"),
        (steps.Stopwords(LISTS), "foo", "stopword (custom)"),
        (steps.Stopwords(LISTS), "the", "stopword (english, custom)"),
        (steps.Synonyms(SYNONYMS), "car", "car => car auto"),
        (steps.Filter(plugin(halves)), "ab", "plug-in 'p', version '1'"),
        (steps.StemByPlugin(plugin(halves), ["x"]), "ab", "plug-in 'p', version '1'"),
        (steps.StemByPlugin(plugin(halves), ["x"]), "x", "protected word"),
        (steps.Stem("german", stemmer("german"), ["x"]), "ab", "snowball, german"),
        (steps.Stem("german", stemmer("german"), ["x"]), "x", "protected word"),
        (steps.Lengths(2, 3), "a", "1 character, at least 2 are wanted"),
        (steps.Lengths(2, 3), "abcd", "4 characters, at most 3 are allowed"),
        (steps.Prefixes(2, 3, longest_only=False), "a", "1 character, a prefix has at least 2"),
        (steps.Prefixes(2, 3, longest_only=False), "abc", "prefixes from 2 characters to 3 characters"),
        (steps.Prefixes(2, None, longest_only=True), "abc", "the longest prefix, up to the whole word"),
    ],
)
def test_reasons(step, token, reason):
    assert step.reason(token) == reason


def test_names():
    assert steps.Filter(plugin(halves)).name == "filter p"
    assert [step.name for step in (steps.Fold, steps.Lowercase, steps.LowercaseFastEmbed, steps.Stopwords,
                                   steps.Synonyms, steps.Stem, steps.Lengths, steps.Prefixes)] == [
        "ascii_folding", "lowercase", "lowercase", "stopwords", "synonyms", "stemmer", "length", "prefix",
    ]  # fmt: skip
    assert steps.StemByPlugin(plugin(halves)).name == "stemmer"


STEPS = {
    "stopwords": steps.Stopwords(LISTS),
    "synonyms": steps.Synonyms(SYNONYMS),
    "filter": steps.Filter(plugin(halves)),
    "stem": steps.Stem("english", stemmer("english"), ["running"]),
    "greek": steps.Stem("greek", stemmer("greek")),
    "plug-in": steps.StemByPlugin(plugin(halves), ["the"]),
    "lengths": steps.Lengths(2, 4),
    "prefixes": steps.Prefixes(2, 4, longest_only=False),
    "longest prefix": steps.Prefixes(2, 4, longest_only=True),
    "all prefixes": steps.Prefixes(None, None, longest_only=False),
}
tokens = st.one_of(
    st.sampled_from(["the", "a", "tv", "car", "gone", "running", "runs", "", "αντίθετε", "θάλασσα"]),
    st.text("abcé日", max_size=6),
)


@pytest.mark.parametrize("name", STEPS)
@given(sample=st.lists(tokens, max_size=10))
@examples(80)
def test_many_tokens_at_once_and_each_alone(name, sample):
    step = STEPS[name]
    before = list(sample)
    alone = [(token, number) for number, one in enumerate(sample) for token in step([one], [0])[0]]
    assert list(zip(*run(step, *sample), strict=True)) == alone
    assert sample == before
