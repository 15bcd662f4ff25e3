import argparse
import json

import pytest

from bm25.cli.options import add_config_arguments, config_from_arguments, describe_config
from bm25.config import Bm25Config
from bm25.errors import Bm25ConfigError


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
