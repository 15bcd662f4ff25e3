import argparse
import json

import pytest

from bm25.cli.options import add_config_arguments, config_from_arguments, describe_config
from bm25.config import Bm25Config
from bm25.errors import Bm25ConfigError
from tests.cli.process import ENVIRONMENT, run


def parse(*flags):
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    return parser.parse_args(flags)


def config(*flags):
    return config_from_arguments(parse(*flags))


def test_presets():
    assert config() == config("--preset", "tuned") == Bm25Config.tuned()
    assert config("--preset", "qdrant") == Bm25Config()
    assert config("--k", "2", "--b", "0.5", "--k3", "0") == Bm25Config(k=2, b=0.5, k3=0)


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ("--language german", {"language": "german"}),
        ("--avg-len 80.5", {"avg_len": 80.5}),
        ("--tokenizer whitespace", {"tokenizer": "whitespace"}),
        ("--no-lowercase --ascii-folding", {"lowercase": False, "ascii_folding": True}),
        ("--lowercase --no-ascii-folding", {}),
        ("--stopwords german", {"stopwords": {"languages": ["german"]}}),
        ("--stopwords german,french", {"stopwords": {"languages": ["german", "french"]}}),
        ("--no-stopwords", {"stopwords": {"languages": [], "custom": []}}),
        ("--stopword a --stopword b", {"stopwords": {"languages": ["english"], "custom": ["a", "b"]}}),
        (
            "--language german --stopword a",
            {"language": "german", "stopwords": {"languages": ["german"], "custom": ["a"]}},
        ),
        ("--no-stopwords --stopword a", {"stopwords": {"languages": [], "custom": ["a"]}}),
        ("--stemmer german", {"stemmer": {"type": "snowball", "language": "german"}}),
        ("--stemmer none", {"stemmer": {"type": "none"}}),
        ("--min-token-len 2 --max-token-len 40", {"min_token_len": 2, "max_token_len": 40}),
    ],
)
def test_flags(flags, options):
    assert config("--preset", "qdrant", *flags.split()) == Bm25Config(**options)
    assert config(*flags.split()) == Bm25Config.tuned(**options)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.json", '{"language": "german", "k": 1.3, "stopwords": {"custom": ["a"]}}'),
        ("c.toml", 'language = "german"\nk = 1.3\nstopwords = {custom = ["a"]}\n'),
    ],
)
def test_a_file_is_complete_and_flags_override_it(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    expected = {"language": "german", "k": 1.3, "stopwords": {"custom": ["a"]}}
    assert config("--config", str(path)) == Bm25Config(**expected)
    assert config("--config", str(path), "--k", "2") == Bm25Config(**{**expected, "k": 2})
    words = {"languages": [], "custom": ["a", "b"]}
    assert config("--config", str(path), "--stopword", "b") == Bm25Config(**{**expected, "stopwords": words})


def test_a_file_written_from_a_configuration(tmp_path):
    path = tmp_path / "c.json"
    original = Bm25Config.tuned(language="french", stopwords={"languages": ["french"], "custom": ["x"]})
    path.write_text(json.dumps(original.to_dict()))
    assert config("--config", str(path)) == original


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "c.json: Expecting property name"),
        ("[1]", "c.json: an object with options is expected, got list"),
        ('{"kk": 1}', "unknown option 'kk'"),
        ("\xff", "c.json: not valid UTF-8"),
    ],
)
def test_broken_files(tmp_path, text, message):
    path = tmp_path / "c.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Bm25ConfigError, match=message):
        config("--config", str(path))


def test_contradictions(tmp_path):
    with pytest.raises(Bm25ConfigError, match="--config and --preset exclude each other"):
        config("--config", "x.json", "--preset", "tuned")
    with pytest.raises(Bm25ConfigError, match="--no-stopwords and --stopwords exclude each other"):
        config("--no-stopwords", "--stopwords", "german")
    with pytest.raises(Bm25ConfigError, match=r"nope\.json: cannot be read: No such file"):
        config("--config", str(tmp_path / "nope.json"))


def test_the_summary_names_preset_and_options():
    args = parse("--language", "german")
    assert describe_config(args, config_from_arguments(args)) == (
        "preset tuned: k 1.5, b 0.75, k3 8, avg_len 256, language german, tokenizer word"
    )


def test_the_dialect_and_its_preset():
    assert config("--dialect", "fastembed") == Bm25Config(dialect="fastembed")
    assert config("--dialect", "fastembed", "--preset", "tuned") == Bm25Config.tuned(dialect="fastembed")
    assert config("--dialect", "qdrant") == Bm25Config.tuned()
    args = parse("--dialect", "fastembed")
    assert describe_config(args, config_from_arguments(args)) == (
        "preset qdrant: k 1.2, b 0.75, k3 none, avg_len 256, language english, tokenizer word, "
        "dialect fastembed"
    )


@pytest.mark.parametrize("name", ["word", "whitespace", "prefix", "code", "multilingual"])
def test_tokenizers(name):
    assert config("--tokenizer", name) == Bm25Config.tuned(tokenizer=name)


def test_files_of_words(tmp_path):
    (tmp_path / "s.txt").write_text("car, auto\ntv => television\n")
    (tmp_path / "p.txt").write_text("running\n# no\n")
    found = config("--synonyms", str(tmp_path / "s.txt"), "--protected-words", str(tmp_path / "p.txt"))
    words = {"synonyms": {"auto": ["car"], "tv": ["television"]}, "protected_words": ["running"]}
    assert found == Bm25Config.tuned(**words)


MODULE = """
from bm25 import plugins
plugins.register("cli-reverse", lambda token: token[::-1], version="1")
plugins.register("cli-commas", lambda text: text.split(","), version="2")
"""


def vector(folder, *flags):
    done = run("query", *flags, cwd=folder, text=True, env=QUIET)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


QUIET = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONWARNINGS"}


def error(folder, *flags):
    done = run("query", *flags, "text", cwd=folder, text=True, env=QUIET)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_plugins_of_a_module_in_the_current_folder(tmp_path):
    (tmp_path / "cli_plugins.py").write_text(MODULE)
    plain = ("--no-stopwords", "--stemmer", "none", "--preset", "qdrant")
    use = (*plain, "--plugins", "cli_plugins")
    assert vector(tmp_path, *use, "--filter", "cli-reverse", "abc") == vector(tmp_path, *plain, "cba")
    assert vector(tmp_path, *use, "--tokenizer", "plugin:cli-commas", "ab,c") == vector(
        tmp_path, *plain, "ab c"
    )
    # The stemmer, in the place of the one of the language.
    stemmed = vector(tmp_path, *use[:1], *use[3:], "--stemmer", "plugin:cli-reverse", "abc")
    assert stemmed == vector(tmp_path, *plain, "cba")
    twice = ("--filter", "cli-reverse", "--filter", "cli-reverse")
    assert vector(tmp_path, *use, *twice, "abc") == vector(tmp_path, *plain, "abc")


def test_errors_about_plugins_and_words_are_one_line(tmp_path):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "s.txt").write_text("a => b\ncar\n")
    assert error(tmp_path, "--plugins", "broken") == (
        "bm25: error: --plugins broken: cannot be imported: ZeroDivisionError: division by zero\n"
    )
    assert "--plugins nope: cannot be imported: ModuleNotFoundError" in error(tmp_path, "--plugins", "nope")
    assert "filters[0]: unknown plug-in 'nope'" in error(tmp_path, "--filter", "nope")
    assert "tokenizer: unknown plug-in 'nope'" in error(tmp_path, "--tokenizer", "plugin:nope")
    assert error(tmp_path, "--synonyms", "s.txt").startswith(
        "bm25: error: s.txt: line 2: 'car' has no synonym"
    )
    assert "p.txt: cannot be read: No such file" in error(tmp_path, "--protected-words", "p.txt")
    assert "unknown dialect 'elastic'" in error(tmp_path, "--dialect", "elastic")
    assert 'tokenizer "code" does not go with dialect' in error(
        tmp_path, "--dialect", "fastembed", "--tokenizer", "code"
    )


def test_a_module_of_plugins_that_exits_is_an_error(tmp_path):
    (tmp_path / "exits.py").write_text("raise SystemExit(3)\n")
    assert "--plugins exits: cannot be imported: SystemExit: 3" in error(tmp_path, "--plugins", "exits")


def test_further_stopwords_start_from_what_the_other_flags_say():
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    given = ["--dialect", "fastembed", "--stemmer", "none", "--stopword", "foo"]
    config = config_from_arguments(parser.parse_args(given))
    assert (config.stopword_languages, config.custom_stopwords) == ((), ("foo",))


def test_a_warning_is_one_line(tmp_path):
    done = run("query", "--stemmer", "german", "word", "word", cwd=tmp_path, text=True, env=QUIET)
    assert done.returncode == 0
    assert done.stderr.startswith("bm25: warning: the stemmer is german's and the stopwords are english's")
    assert done.stderr.count("\n") == 1
