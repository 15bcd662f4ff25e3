import importlib
import os
import pickle
import sys
import textwrap
import threading

import pytest

from bm25 import Bm25Config, Bm25ConfigError, Bm25Encoder, plugins
from bm25.analysis.analyzer import Analyzer
from bm25.errors import Bm25Error, EncoderInUseError, PluginError
from bm25.plugins import Plugin
from tests import reference

PLAIN = {"stopwords": {}, "stemmer": {"type": "none"}}


def plugin(name, version=None):
    return {"type": "plugin", "name": name, **({"version": version} if version else {})}


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(plugins, "_registered", {})


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that installs a distribution with entry points: a folder on the path, as pip makes it."""

    def install(source, entry_points, *, name="words", version="1.4"):
        (tmp_path / f"{name}_plugins.py").write_text(textwrap.dedent(source), encoding="utf-8")
        metadata = tmp_path / f"{name}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{key} = {name}_plugins:{target}\n" for key, target in entry_points.items()]
        (metadata / "entry_points.txt").write_text(f"[{plugins.ENTRY_POINTS}]\n{''.join(lines)}")
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()

    yield install
    for module in [module for module in sys.modules if module.endswith("_plugins")]:
        if getattr(sys.modules[module], "__file__", "").startswith(str(tmp_path)):
            del sys.modules[module]


def register(function, name="p", version="1"):
    plugins.register(name, function, version=version)
    return plugin(name)


def terms(config, text, role="document"):
    analyzer = Analyzer(config, role)
    return analyzer.analyze("\n".join(analyzer.surface_forms(text))).terms


# Names


def test_register_find_and_unregister():
    assert "p" not in plugins.registered()
    register(str.upper)
    assert plugins.find("p") == ("p", "1", str.upper)
    assert plugins.find("p", "1") is plugins.find("p")
    assert "p" in plugins.registered()
    plugins.unregister("p")
    with pytest.raises(
        Bm25ConfigError, match=r"^unknown plug-in 'p'; known: .*\. Register it with bm25\.plugins"
    ):
        plugins.find("p")
    with pytest.raises(Bm25ConfigError, match=r"^no plug-in 'p' is registered"):
        plugins.unregister("p")


def test_names_are_sorted_and_near_ones_told():
    for name in ("b-stem", "a-split"):
        register(str.upper, name)
    assert [name for name in plugins.registered() if name in ("a-split", "b-stem")] == ["a-split", "b-stem"]
    with pytest.raises(Bm25ConfigError, match=r"unknown plug-in 'b-stm' \(did you mean 'b-stem'\?\)"):
        plugins.find("b-stm")
    with pytest.raises(
        Bm25ConfigError, match=r"no plug-in 'a-spit' is registered \(did you mean 'a-split'\?\)"
    ):
        plugins.unregister("a-spit")


def test_a_name_stands_for_one_function():
    register(str.upper)
    register(str.upper)  # once more the same
    for function, version in ((str.lower, "1"), (str.upper, "2")):
        with pytest.raises(
            Bm25ConfigError, match=r"plug-in 'p' is registered already, as version '1' of .*upper"
        ):
            register(function, version=version)
    assert plugins.find("p").function is str.upper


@pytest.mark.parametrize(
    ("name", "function", "version", "message"),
    [
        ("", str.upper, "1", "plug-in name must be a string that is not empty, got ''"),
        (3, str.upper, "1", "plug-in name must be a string that is not empty, got 3"),
        ("p", str.upper, "", "plug-in version must be a string that is not empty, got ''"),
        ("p", str.upper, 1, "plug-in version must be a string that is not empty, got 1"),
        ("p", "upper", "1", "plug-in 'p' must be a function, got str"),
    ],
)
def test_what_cannot_be_registered(name, function, version, message):
    with pytest.raises(Bm25ConfigError, match=message):
        plugins.register(name, function, version=version)
    assert plugins._registered == {}


def test_versions():
    register(str.upper, version="1.0")
    assert plugins.find("p", "1.0").version == "1.0"
    with pytest.raises(
        Bm25ConfigError, match=r"plug-in 'p' is version '1.0' here, and version '1' is asked for"
    ):
        plugins.find("p", "1")
    config = Bm25Config(filters=[plugin("p", "1.0")])
    assert config == Bm25Config(filters=[plugin("p")])
    stored = config.to_dict()
    plugins.unregister("p")
    register(str.upper, version="2.0")
    with pytest.raises(Bm25ConfigError, match=r"filters\[0\]: plug-in 'p' is version '2.0' here"):
        Bm25Config.from_dict(stored)


# Entry points of installed packages


def test_an_installed_package(installed):
    installed(
        """
        def reverse(token):
            return token[::-1]

        def versioned(token):
            return [token, token]

        versioned.version = 7
        """,
        {"rev": "reverse", "twice": "versioned"},
    )
    assert {"rev", "twice"} <= set(plugins.registered())
    assert plugins._registered == {}  # listing loads nothing
    found = plugins.find("rev")
    assert (found.name, found.version, found("abc")) == ("rev", "1.4", ["cba"])
    assert plugins.find("twice", "7")("a") == ["a", "a"]
    assert plugins.find("rev") is found
    config = Bm25Config(tokenizer=plugin("rev"), filters=[plugin("twice")], **PLAIN)
    assert config.tokenizer["version"] == "1.4"
    assert terms(config, "ab, cd") == [",ba", ",ba", "dc", "dc"]


def test_a_registered_function_goes_before_an_installed_one(installed):
    installed("def f(token): return 'installed'", {"p": "f"})
    register(lambda token: "registered")
    assert plugins.find("p")("x") == ["registered"]
    plugins.unregister("p")
    assert plugins.find("p")("x") == ["installed"]


def test_an_installed_package_that_lacks_its_function(installed):
    installed("", {"p": "missing"})
    with pytest.raises(Bm25ConfigError, match=r"the entry point .*:missing cannot be loaded: AttributeError"):
        plugins.find("p")


def test_an_entry_point_that_is_no_function(installed):
    installed("f = 3", {"p": "f"})
    with pytest.raises(Bm25ConfigError, match="plug-in 'p' must be a function, got int"):
        plugins.find("p")


# What a function returns


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("x", ["x"]), ("", []), ([], []), (["x", "y", "x"], ["x", "y", "x"]), (("x", "", "y"), ["x", "y"]),
        (iter("xy"), ["x", "y"]), ({"x": 1}, ["x"]), (["", ""], []), ("É\U0001f600", ["É\U0001f600"]),
    ],
)  # fmt: skip
def test_a_string_or_several(result, expected):
    assert Plugin("p", "1", lambda token: result)("token") == expected


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "plug-in 'p' failed on 'tok': TypeError: returned None; return a string, several, or "),
        (3, "plug-in 'p' failed on 'tok': TypeError: 'int' object is not iterable"),
        ([3], "plug-in 'p' returned, for 'tok', int 3, not a string"),
        (["a", None], "plug-in 'p' returned, for 'tok', NoneType None, not a string"),
        (b"ab", "plug-in 'p' returned, for 'tok', int 97, not a string"),
        (
            "a b",
            "plug-in 'p' returned, for 'tok', 'a b', which has white space in it; return several strings",
        ),
        (" a", "white space"),
        ("a\n", "white space"),
        ("\n", "white space"),
        (" ", "white space"),
        (["a", "b\u3000c"], "white space"),
        ("a\tb", "white space"),
        ("a\x85b", "white space"),
        ("a\ud800", r"plug-in 'p' returned, for 'tok', 'a\\ud800', which is not valid Unicode"),
    ],
)
@pytest.mark.parametrize("option", ["tokenizer", "filters", "stemmer"])
def test_what_is_no_term(result, message, option):
    value = register(lambda token: result)
    one = Bm25Encoder(Bm25Config(**{**PLAIN, option: [value] if option == "filters" else value}), threads=1)
    for encode in (one.encode_documents, one.encode_queries):
        with pytest.raises(PluginError, match=message) as caught:
            encode(["tok"])
        assert isinstance(caught.value, Bm25Error)
    with pytest.raises(PluginError, match=message):
        one.encode_query("tok")


def test_an_exception_names_the_plugin_and_the_token():
    def fails(token):
        if token == "bad":
            raise KeyError("why")
        if token == "later":
            return failing_generator()
        return token

    def failing_generator():
        yield "a"
        raise ValueError("then")

    one = Bm25Encoder(Bm25Config(filters=[register(fails)], **PLAIN), threads=1)
    assert len(one.encode_documents(["good"])[0][0]) == 1
    with pytest.raises(PluginError, match="plug-in 'p' failed on 'bad': KeyError: 'why'") as caught:
        one.encode_documents(["good and bad"])
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(PluginError, match="plug-in 'p' failed on 'later': ValueError: then"):
        one.encode_documents(["later"])
    # Nothing of the failed batch stays behind.
    assert one.encode_documents(["good and"])[0][0].tolist() == sorted(
        reference.term_id(term) for term in (b"good", b"and")
    )


def test_what_a_keyboard_interrupt_is():
    def interrupted(token):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Plugin("p", "1", interrupted)("a")


# Where they stand in the pipeline


def test_a_tokenizer_sees_the_text_between_white_space():
    seen = []

    def at_hyphens(piece):
        seen.append(piece)
        return piece.split("-")

    config = Bm25Config(tokenizer=register(at_hyphens), stemmer={"type": "none"})
    assert terms(config, "The state-of-the-art,\u3000A-B\n-") == ["state", "art,", "b"]
    assert seen == ["The", "state-of-the-art,", "A-B", "-"]


def test_a_filter_sees_lowercased_tokens_before_stopwords():
    seen = []

    def plural(token):
        seen.append(token)
        return {"cat": ["the", "cats"], "x": []}.get(token, token)

    config = Bm25Config(filters=[register(plural)])
    assert terms(config, "Cat, X É the") == ["cat", "é"]
    assert seen == ["cat", "x", "é", "the"]


def test_filters_run_in_order():
    one, other = register(lambda token: token + "1", "one"), register(lambda token: [token, "2"], "other")
    assert terms(Bm25Config(filters=[one, other], **PLAIN), "a") == ["a1", "2"]
    assert terms(Bm25Config(filters=[other, one], **PLAIN), "a") == ["a1", "21"]


def test_a_stemmer_comes_last_but_for_lengths_and_leaves_protected_words():
    seen = []

    def stem(token):
        seen.append(token)
        return ["", token[:3], f"{token}s"][min(len(token) // 2, 2)]

    config = Bm25Config(
        stemmer=register(stem), synonyms={"b": ["bcde"]}, protected_words=["Kept", "k"], max_token_len=5
    )
    assert terms(config, "The q b cde efghi Kept K") == ["bcdes", "cde", "kept", "k"]
    assert seen == ["q", "bcde", "cde", "efghi"]


def test_a_form_may_yield_several_terms_or_none_in_vectors():
    def parts(token):
        return {"wifi": ["wi", "fi", "wi"], "gone": []}.get(token, token)

    one = Bm25Encoder(Bm25Config(filters=[register(parts)], **PLAIN), threads=1)
    counts = one.count_documents(["wifi gone a WIFI", "gone", "a"])
    assert counts.lengths.tolist() == [7, 0, 1]
    assert {counts.terms[int(id)]: int(tf) for id, tf in zip(*counts[0], strict=True)} == {
        "wi": 4,
        "fi": 2,
        "a": 1,
    }


@pytest.mark.parametrize("option", ["tokenizer", "filters", "stemmer"])
def test_it_runs_once_for_each_surface_form(option):
    calls = []

    def count(token):
        calls.append(token)
        return token

    value = register(count)
    config = Bm25Config(**{**PLAIN, option: [value] if option == "filters" else value})
    one = Bm25Encoder(config, threads=1)
    texts = ["cat dog cat", "dog bird"] * 50
    for _ in range(3):
        one.encode_documents(texts)
        one.encode_queries(texts)
    assert sorted(calls) == ["bird", "cat", "dog"]
    for _ in range(3):
        one.encode_query("cat dog cat")
    assert sorted(calls) == ["bird", "cat", "cat", "dog", "dog"]  # single queries have a memory of their own


def test_an_encoder_keeps_its_plugin():
    config = Bm25Config(filters=[register(str.upper)], **PLAIN)
    one = Bm25Encoder(config, threads=1)
    expected = one.encode_documents(["abc"])
    plugins.unregister("p")
    register(str.lower)
    assert one.encode_documents(["abc"]) == expected
    assert one.encode_documents(["xyz"])[0][0].tolist() == [reference.term_id(b"XYZ")]


def test_threads():
    calls, lock = [], threading.Lock()

    def slow(token):
        with lock:
            calls.append(token)
        return [token, token[::-1]]

    config = Bm25Config(filters=[register(slow)], **PLAIN)
    one, expected = Bm25Encoder(config, threads=4), Bm25Encoder(config, threads=1)
    texts = [" ".join(f"w{i % 97}x w{i % 89}y" for i in range(n, n + 40)) for n in range(2000)]
    wanted = expected.encode_documents(texts)
    calls.clear()
    results = []
    threads = [threading.Thread(target=lambda: results.append(one.encode_documents(texts))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [wanted] * 4
    # Threads that meet a form at the same time may each ask for its terms.
    assert len(set(calls)) == 97 + 89
    assert len(calls) <= 4 * (97 + 89)


def test_an_encoder_with_a_plugin_is_pickled():
    one = Bm25Encoder(Bm25Config(filters=[register(str.upper)], **PLAIN), threads=2)
    data = pickle.dumps(one)
    again = pickle.loads(data)
    assert again.config == one.config
    assert again.encode_documents(["a b"]) == one.encode_documents(["a b"])
    # Where the plug-in is unknown, or another one, that is said instead of other vectors.
    plugins.unregister("p")
    with pytest.raises(Bm25ConfigError, match=r"filters\[0\]: unknown plug-in 'p'"):
        pickle.loads(data)
    register(str.upper, version="2")
    with pytest.raises(Bm25ConfigError, match=r"filters\[0\]: plug-in 'p' is version '2' here"):
        pickle.loads(data)


def test_a_notebook_cell_can_be_run_again():
    plugins.register("p", lambda token: token, version="1")
    with pytest.raises(Bm25ConfigError, match=r"registered already.*replace=True"):
        plugins.register("p", lambda token: token, version="1")
    plugins.register("p", lambda token: token[:1], version="1", replace=True)
    assert plugins.find("p")("word") == ["w"]


def test_the_error_names_the_text():
    def fails(token):
        raise ValueError(token)

    one = Bm25Encoder(Bm25Config(filters=[register(fails)], **PLAIN), threads=1)
    with pytest.raises(PluginError, match=r"^texts\[2\]: plug-in 'p' failed on 'bad'"):
        one.encode_documents(["", None, "bad", "worse"])


def test_a_plugin_cannot_use_the_encoder_that_it_is_part_of():
    encoders = []

    def encodes(token):
        return [str(number) for number in encoders[0].encode_documents([token])[0][0]]

    encoders.append(Bm25Encoder(Bm25Config(filters=[register(encodes)], **PLAIN), threads=1))
    with pytest.raises(EncoderInUseError, match="encodes with the encoder that it is part of"):
        encoders[0].encode_documents(["word"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_plugin_can_fork():
    def forks(token):
        child = os.fork()
        if child == 0:
            os._exit(7)
        return f"{token}{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}"

    one = Bm25Encoder(Bm25Config(filters=[register(forks)], **PLAIN), threads=1)
    assert one.encode_documents(["word"])[0][0].tolist() == [reference.term_id(b"word7")]
    assert len(one.encode_documents(["another word"])[0][0]) == 2  # nothing is locked for good
