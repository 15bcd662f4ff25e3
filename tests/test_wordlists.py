import pytest

from bm25 import Bm25Config
from bm25.errors import Bm25ConfigError
from bm25.wordlists import read_synonyms, read_words

ONE = "one word is expected, got {}; a rule looks at one token at a time"
RULE = "write a rule like: car, auto, automobile; or: tv => television"
AFTER = "words are expected after =>, as in: tv => television"


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "words.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", {}),
        ("\n  \n# only a comment\n", {}),
        ("car, auto", {"auto": ["car"]}),
        ("car,auto ,automobile", {"auto": ["car"], "automobile": ["car"]}),
        ("tv => television", {"tv": ["television"]}),
        ("tv=>television", {"tv": ["television"]}),
        ("tv, telly => television", {"tv": ["television"], "telly": ["television"]}),
        ("tv => television set", {"tv": ["television", "set"]}),
        ("tv => television, set", {"tv": ["television", "set"]}),
        ("tv => television,set\ttelly", {"tv": ["television", "set", "telly"]}),
        ("car => car vehicle", {"car": ["car", "vehicle"]}),
        ("a => b  # why\n#x => y\n\n  c => d", {"a": ["b"], "c": ["d"]}),
        ("a => b\na => b\n", {"a": ["b"]}),
        ("Fußball => soccer\nмир, покой", {"Fußball": ["soccer"], "покой": ["мир"]}),
        ("a => b\r\nc, d\r\n", {"a": ["b"], "d": ["c"]}),
        ("\ufeffa => b", {"a": ["b"]}),
        ("\ufeff# comment\r\na => b", {"a": ["b"]}),
        ("a => b\x0bc", {"a": ["b", "c"]}),
    ],
)
def test_synonyms(file, text, rules):
    path = file(text)
    assert read_synonyms(path) == rules
    assert read_synonyms(str(path)) == rules
    Bm25Config(synonyms=rules)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a => b\ncar", 2, "'car' has no synonym; " + RULE),
        ("a =>", 1, AFTER),
        ("a => ,", 1, AFTER),
        ("\n\na => b => c", 3, AFTER),
        ("=> b", 1, ONE.format("none")),
        ("a, => b", 1, ONE.format("none")),
        ("a,,b", 1, ONE.format("none")),
        ("new york, ny", 1, ONE.format("'new york'")),
        ("# x\r\nny,new york => nyc", 2, ONE.format("'new york'")),
        ("a => b\na => c", 2, "there is another rule for 'a' above; put them in one line"),
        ("a, b\n\nc, b", 3, "there is another rule for 'b' above; put them in one line"),
        (b"a => b\nc => \xff\n", 2, "not valid UTF-8"),
    ],
)  # fmt: skip
def test_lines_that_are_no_rules(file, text, line, message):
    path = file(text)
    with pytest.raises(Bm25ConfigError) as caught:
        read_synonyms(path)
    assert str(caught.value) == f"{path}: line {line}: {message}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("one\ntwo\n", ["one", "two"]),
        ("  one  \r\n\r\n# x\r\ntwo # y\r\n", ["one", "two"]),
        ("\ufeffGmbH\nC++\nдом", ["GmbH", "C++", "дом"]),
        ("two\none\ntwo", ["two", "one", "two"]),
    ],
)
def test_words(file, text, words):
    assert read_words(file(text)) == words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one\ntwo words", "line 2: " + ONE.format("'two words'")),
        (b"\xef\xbb\xbfone\n\n\xe4\n", "line 3: not valid UTF-8"),
    ],
)  # fmt: skip
def test_lines_that_are_no_words(file, text, message):
    path = file(text)
    with pytest.raises(Bm25ConfigError) as caught:
        read_words(path)
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("read", [read_synonyms, read_words])
def test_files_that_cannot_be_read(read, tmp_path):
    with pytest.raises(Bm25ConfigError, match=r"nope\.txt: cannot be read: No such file or directory$"):
        read(tmp_path / "nope.txt")
    with pytest.raises(Bm25ConfigError, match=r"cannot be read: Is a directory$"):
        read(tmp_path)


def test_a_number_sign_within_a_word_is_no_comment(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# all of a line\nC#\nF#  # the rest of one\n\t# indented\n")
    assert read_words(path) == ["C#", "F#"]
    path.write_text("js, c#  # two languages\n")
    assert read_synonyms(path) == {"c#": ["js"]}


def test_an_arrow_too_many(tmp_path):
    path = tmp_path / "synonyms.txt"
    path.write_text("a=>b=>c\n")
    with pytest.raises(Bm25ConfigError, match="line 1: words are expected after =>"):
        read_synonyms(path)
