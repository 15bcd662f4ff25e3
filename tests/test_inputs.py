import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Encoder, Bm25InputError
from bm25.inputs import PADDING, as_arrow, texts_of, validity
from tests.strategies import examples, nasty_text

LONG = "a string of more than twelve bytes"
ROWS = ["plain", None, "", "ä€𐌰", LONG, "twelve bytes", "x" * 12, "y" * 13, None, LONG * 3]
NO_NULLS = [row for row in ROWS if row is not None]

ARROW_TYPES = {"string": pa.string(), "large_string": pa.large_string(), "string_view": pa.string_view()}
arrow_types = pytest.mark.parametrize("kind", ARROW_TYPES.values(), ids=ARROW_TYPES)


def rows_of(texts):
    """What the kernels would see, null texts told apart by the validity."""
    array = as_arrow(texts)
    valid = validity(array)
    found, number = [], 0
    for part in texts_of(array):
        assert part.first == number
        assert part.starts.dtype == part.ends.dtype == np.int64
        assert (part.ends + PADDING <= len(part.data)).all()
        for start, end in zip(part.starts.tolist(), part.ends.tolist(), strict=True):
            text = part.data[start:end].tobytes().decode()
            is_null = valid is not None and not valid[number]
            assert not (is_null and text), "what lies under a null must not be read"
            found.append(None if is_null else text)
            number += 1
    assert number == len(array)
    if valid is not None:
        assert valid.dtype == bool
        assert not valid.all()
    return found


def views(texts):
    return pa.array(texts, pa.string_view())


class OldSeries:
    """A column as libraries without the Arrow interface have it."""

    def __init__(self, values):
        self.values = np.array(values, object)

    def to_numpy(self):
        return self.values


SOURCES = {
    "list": list,
    "tuple": tuple,
    "string": lambda rows: pa.array(rows, pa.string()),
    "large_string": lambda rows: pa.array(rows, pa.large_string()),
    "string_view": views,
    "chunked": lambda rows: pa.chunked_array([rows[:2], [], rows[2:]], pa.string()),
    "chunked views": lambda rows: pa.chunked_array([rows[:4], rows[4:]], pa.string_view()),
    "dictionary": lambda rows: pa.array(rows).dictionary_encode(),
    "dictionary of large": lambda rows: pa.array(rows, pa.large_string()).dictionary_encode(),
    "dictionary chunks": lambda rows: pa.chunked_array(
        [pa.array(part, pa.string()).dictionary_encode() for part in (rows[:3], rows[3:])]
    ),
    "dictionary of views": lambda rows: pa.DictionaryArray.from_arrays(
        pa.array([None if row is None else i for i, row in enumerate(rows)], pa.int32()),
        pa.array([row or "" for row in rows], pa.string_view()),
    ),
    "numpy objects": lambda rows: np.array(rows, object),
    "pandas objects": lambda rows: pd.Series(rows, dtype=object),
    "pandas default": lambda rows: pd.Series(rows),
    "pandas string": lambda rows: pd.Series(rows, dtype="string"),
    "pandas string python": lambda rows: pd.Series(rows, dtype="string[python]"),
    "pandas string pyarrow": lambda rows: pd.Series(rows, dtype="string[pyarrow]"),
    "pandas arrow": lambda rows: pd.Series(rows, dtype=pd.ArrowDtype(pa.string())),
    "pandas category": lambda rows: pd.Series(rows, dtype="category"),
    "pandas odd index": lambda rows: pd.Series(rows, index=range(len(rows), 0, -1)),
    "pandas array": lambda rows: pd.array(rows, dtype="string"),
    "polars": lambda rows: pl.Series(rows, dtype=pl.String),
    "polars category": lambda rows: pl.Series(rows, dtype=pl.Categorical),
    "old series": OldSeries,
}
sources = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


@sources
def test_every_source(source):
    assert rows_of(source(ROWS)) == ROWS
    assert rows_of(source(NO_NULLS)) == NO_NULLS


@sources
def test_every_source_with_nothing_in_it(source):
    assert rows_of(source([])) == []


@sources
def test_every_source_with_nulls_only(source):
    if source is SOURCES["pandas category"]:
        pytest.skip("nothing tells that the categories would be strings")
    assert rows_of(source([None, None, None])) == [None] * 3


@sources
def test_every_source_with_empty_texts_only(source):
    assert rows_of(source(["", "", ""])) == [""] * 3


@pytest.mark.parametrize("kind", ["U20", np.dtypes.StringDType()], ids=str)
def test_numpy_strings(kind):
    assert rows_of(np.array(["a", "", "ä€𐌰"], kind)) == ["a", "", "ä€𐌰"]
    assert rows_of(np.array([], kind)) == []
    assert rows_of(np.array(["a", "b", "c", "d"], kind)[::2]) == ["a", "c"]


def test_missing_strings_of_numpy():
    assert rows_of(np.array(["a", np.nan], np.dtypes.StringDType(na_object=np.nan))) == ["a", None]
    assert rows_of(np.array(["a", None], np.dtypes.StringDType(na_object=None))) == ["a", None]


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, np.float64("nan")], ids=repr)
def test_missing_values_of_pandas_and_numpy_objects(missing):
    assert rows_of(pd.Series(["a", missing, "b"], dtype=object)) == ["a", None, "b"]
    assert rows_of(np.array(["a", missing, "b"], object)) == ["a", None, "b"]
    assert rows_of(pd.Series(["a", missing, "b"], dtype="string")) == ["a", None, "b"]
    assert rows_of(OldSeries(["a", missing, "b"])) == ["a", None, "b"]


def test_arrays_without_a_type_or_a_chunk():
    assert rows_of(pa.nulls(3)) == [None] * 3
    assert rows_of(pa.chunked_array([], pa.string())) == []
    assert rows_of(pa.chunked_array([], pa.null())) == []
    assert rows_of(pa.chunked_array([], pa.dictionary(pa.int32(), pa.string()))) == []


def test_other_sequences_and_kinds_of_str():
    class Name(str):
        __slots__ = ()

    from collections import UserList, deque

    assert rows_of(UserList(["a", None])) == ["a", None]
    assert rows_of(deque(["a", "b"])) == ["a", "b"]
    assert rows_of([Name("a"), np.str_("b")]) == ["a", "b"]


def test_an_extension_type_is_its_storage():
    storage = pa.array(["1", None, LONG])
    assert rows_of(pa.ExtensionArray.from_storage(pa.json_(pa.string()), storage)) == ["1", None, LONG]


# Slices


@sources
@pytest.mark.parametrize("bounds", [(1, 9), (3, 4), (4, 4), (7, None), (-1, None)], ids=str)
def test_slices_of_every_source(source, bounds):
    part = slice(*bounds)
    whole = source(ROWS)
    if isinstance(whole, OldSeries):
        pytest.skip("has no slices")
    sliced = whole.iloc[part] if isinstance(whole, pd.Series) else whole[part]
    assert rows_of(sliced) == ROWS[part]


@arrow_types
@given(rows=st.lists(st.none() | nasty_text, max_size=12), start=st.integers(0, 12), size=st.integers(0, 12))
@examples(60)
def test_any_slice_of_any_texts(kind, rows, start, size):
    assert rows_of(pa.array(rows, kind).slice(start, size)) == rows[start : start + size]


@arrow_types
def test_validity_of_slices_at_every_bit(kind):
    rows = [None if i % 3 == 0 else str(i) for i in range(40)]
    array = pa.array(rows, kind)
    for start in range(17):
        assert rows_of(array.slice(start, 11)) == rows[start : start + 11]
        chunks = pa.chunked_array([array.slice(start, 3), array.slice(0, 5), array.slice(40)])
        assert rows_of(chunks) == rows[start : start + 3] + rows[:5]


def test_concatenated_and_cast_arrays():
    array = pa.concat_arrays([pa.array(ROWS[:3]), pa.array(ROWS[3:])]).slice(1)
    assert rows_of(array) == ROWS[1:]
    assert rows_of(array.cast(pa.string_view())) == ROWS[1:]
    assert rows_of(array.cast(pa.large_string())) == ROWS[1:]


# What is not text


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", 3], r"texts\[1\] must be a string or None, got int: 3"),
        (("a", None, 2.5), r"texts\[2\] must be a string or None, got float: 2.5"),
        (["a", b"b"], r"texts\[1\] must be a string or None, got bytes: b'b'"),
        ([b"b"], r"texts\[0\] must be a string or None, got bytes"),
        (["a", ["b"]], r"texts\[1\] must be a string or None, got list"),
        (["a", float("nan")], r"texts\[1\] must be a string or None, got float: nan"),
        ([3, "\ud800"], r"texts\[0\] must be a string or None, got int"),
        (["a", "bc\udfffd"], r"texts\[1\] is not valid Unicode: lone surrogate '\\udfff' at position 2"),
        (["\ud83d\ude00"], r"texts\[0\] is not valid Unicode: lone surrogate '\\ud83d' at position 0"),
        (np.array(["a", 3], object), r"texts\[1\] must be a string or None, got int: 3"),
        (np.array(["a", b"b"], object), r"texts\[1\] must be a string or None, got bytes"),
        (np.array(["a", np.array([1, 2])], object), r"texts\[1\] must be a string or None, got ndarray"),
        (np.array(["a", "b\ud800"]), r"texts\[1\] is not valid Unicode: lone surrogate .* at position 1"),
        (np.array(["a", "b\ud800"], object), r"texts\[1\] is not valid Unicode"),
        (np.array([["a"], ["b"]]), r"texts must be one-dimensional, got an array of shape \(2, 1\)"),
        (np.array([["a"], ["b"]], object), r"got an array of shape \(2, 1\)"),
        (np.array("a"), r"got an array of shape \(\)"),
        (np.array([1, 2]), "texts must be strings, got a numpy array of int64"),
        (np.array([b"a"]), r"texts must be strings, got a numpy array of \|S1"),
        (np.array([], float), "texts must be strings, got a numpy array of float64"),
        ("a text", "texts must be a sequence of texts, got one str; wrap it in a list"),
        (b"a text", "got one bytes"),
        (3, "got int"),
        (None, "got NoneType"),
        ({"a": 1}, "got dict"),
        ({"a"}, "got set"),
        ((text for text in "ab"), "got generator; for an iterator use encode_batches"),
        (pa.array([1]), "texts must be strings, got an Arrow array of int64; cast it to string first"),
        (pa.array([b"a"]), "got an Arrow array of binary"),
        (pa.array([["a"]]), r"got an Arrow array of list<"),
        (pa.array([1, 1]).dictionary_encode(), "got an Arrow array of int64"),
        (pa.chunked_array([], pa.int8()), "got an Arrow array of int8"),
        (pa.record_batch({"a": ["x"]}), "got an Arrow array of struct"),
        (pa.table({"a": ["x"]}), "got an Arrow array of struct"),
        (pl.Series([1]), "got an Arrow array of int64"),
        (pd.Series([1, 2]), "got an Arrow array of int64"),
        (pd.Series(["a", 3], dtype=object), r"texts\[1\] must be a string or None, got int: 3"),
        (pd.Series([3, "a"], dtype=object), r"texts\[0\] must be a string or None, got int: 3"),
        (pd.Series(["a", b"b"], dtype=object), r"got an Arrow array of binary|texts\[1\] must be a string"),
        (pd.Series(["a", "b\ud800"], dtype=object), r"texts\[1\] is not valid Unicode: lone surrogate"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else None,
)
def test_what_is_not_text_is_named(texts, message):
    with pytest.raises(Bm25InputError, match=message) as caught:
        as_arrow(texts)
    assert isinstance(caught.value, ValueError)


def test_a_long_value_is_not_quoted_in_full():
    with pytest.raises(Bm25InputError) as caught:
        as_arrow([["x" * 10_000]])
    assert len(str(caught.value)) < 200


def invalid(kind, rows):
    """An Arrow array whose bytes nobody checked."""
    array = pa.array(rows, pa.binary() if kind == pa.string() else pa.large_binary())
    if kind == pa.string_view():
        return array.cast(pa.binary_view()).view(kind)
    return pa.Array.from_buffers(kind, len(array), array.buffers())


@arrow_types
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"ab\xff", "invalid start byte at byte 2"),
        (b"\xc3", "unexpected end of data at byte 0"),
        (b"abc \xe2\x82 abc", "invalid continuation byte at byte 4"),
        (b"\xed\xa0\x80", "invalid continuation byte at byte 0"),
        (b"\xf4\x90\x80\x80", "invalid continuation byte at byte 0"),
        (b"\xc0\xaf", "invalid start byte at byte 0"),
        (b"x" * 20 + b"\xff", "invalid start byte at byte 20"),
    ],
)
def test_bytes_of_arrow_that_are_no_utf8_are_named(kind, threads, bad, reason):
    rows = [b"a", b"\xc3\xa4", None, b"b" * 30, bad, b"c", b"\xff"]
    array = pa.chunked_array([pa.array(["x", "y"], kind), invalid(kind, rows)])
    encoder = Bm25Encoder(threads=threads)
    for encode in (encoder.encode_documents, encoder.encode_queries, encoder.count_documents):
        with pytest.raises(Bm25InputError, match=rf"texts\[6\] is not valid UTF-8: {reason}$"):
            encode(array)
    # Nothing of a failed call remains.
    assert len(encoder.encode_documents(["b" * 30]).indices) == 1


def test_characters_cut_by_the_end_of_a_text_are_not_completed_by_the_next_one():
    array = invalid(pa.string(), [b"\xc3", b"\xa4"])
    with pytest.raises(Bm25InputError, match=r"texts\[0\]"):
        Bm25Encoder(threads=1).encode_documents(array)


# Memory


def buffers_of(array):
    return [buffer for buffer in array.buffers() if buffer is not None]


@arrow_types
def test_arrow_memory_is_read_where_it_is(kind):
    rows = [f"text number {i} of quite some length" for i in range(1000)]
    array = pa.array(rows, kind)
    (part,) = texts_of(as_arrow(array))
    base = part.data.__array_interface__["data"][0]
    ranges = [(buffer.address, buffer.address + buffer.size) for buffer in buffers_of(array)]
    inside = [
        any(low <= base + start and base + end <= high for low, high in ranges)
        for start, end in zip(part.starts.tolist(), part.ends.tolist(), strict=True)
    ]
    # Copied are at most the texts of the last 64 bytes, of each buffer of views.
    assert inside.count(False) <= 3 * len(ranges)
    assert not part.data.flags.writeable


def test_short_strings_of_views_are_read_where_they_are():
    array = views([str(i) for i in range(1000)])
    (part,) = texts_of(as_arrow(array))
    base = part.data.__array_interface__["data"][0]
    buffer = buffers_of(array)[0]
    assert (base + part.starts[:990] - buffer.address).tolist() == [16 * i + 4 for i in range(990)]


def test_polars_and_pandas_memory_is_read_where_it_is():
    rows = [f"text number {i} of quite some length" for i in range(100)]
    for column in (pl.Series(rows), pd.Series(rows, dtype="string[pyarrow]")):
        (part,) = texts_of(as_arrow(column))
        tail = part.owner[-1]
        assert len(tail) < 6 * 64


@arrow_types
def test_memory_outlives_the_array(kind):
    def parts():
        return list(texts_of(as_arrow(pa.array(["some text that is not short"] * 1000, kind))))

    (part,) = parts()
    filler = [bytearray(b"overwritten " * 100) for _ in range(300)]
    assert part.data[part.starts[500] : part.ends[500]].tobytes() == b"some text that is not short"
    assert filler


def test_texts_that_share_bytes_at_the_end_of_a_buffer_are_not_copied_each():
    # A column that repeats one long string is a column of views of the same bytes.
    long = b"x" * 100_000
    count = 200
    view = np.zeros(count, [("length", "<i4"), ("prefix", "S4"), ("buffer", "<i4"), ("offset", "<i4")])
    view["length"], view["prefix"] = len(long), long[:4]
    array = pa.Array.from_buffers(
        pa.string_view(), count, [None, pa.py_buffer(view.tobytes()), pa.py_buffer(long)]
    )
    array.validate(full=True)
    (part,) = texts_of(as_arrow(array))
    assert sum(map(len, part.owner)) < 3 * len(long)


def test_what_lies_under_a_null_is_not_read():
    view = np.zeros(3, [("length", "<i4"), ("prefix", "<u4"), ("buffer", "<i4"), ("offset", "<i4")])
    view[0] = (1, ord("a"), 0, 0)
    view[1] = (1 << 30, 7, 12345, -5)
    view[2] = (-1, 7, -1, 2**31 - 1)
    array = pa.Array.from_buffers(
        pa.string_view(), 3, [pa.py_buffer(b"\x01"), pa.py_buffer(view.tobytes())], null_count=2
    )
    assert rows_of(array) == ["a", None, None]
    offsets = np.array([0, 1, 4, 5], np.int32)
    array = pa.Array.from_buffers(
        pa.string(),
        3,
        [pa.py_buffer(b"\x05"), pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"a\xff\xff\xffb")],
    )
    assert rows_of(array) == ["a", None, "b"]
    assert len(Bm25Encoder(threads=1).encode_documents(array)[1][0]) == 0


def test_offsets_beyond_two_to_the_31_without_two_gigabytes():
    # Only the bytes at the end of a buffer that claims to be large are ever touched.
    import mmap

    MAP_NORESERVE = 0x4000  # not named by Python

    size = 2**31 + 4096
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    except (AttributeError, OSError) as error:
        pytest.skip(f"no sparse memory here: {error}")
    at = 2**31 - 5
    memory[at : at + 26] = b"hello world over the edge!"
    offsets = np.array([at, at + 11, at + 25, at + 26, size], np.int64)
    array = pa.Array.from_buffers(
        pa.large_string(), 3, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(memory)]
    )
    assert rows_of(array) == ["hello world", " over the edge", "!"]
    encoder = Bm25Encoder(threads=1)
    assert encoder.encode_documents(array) == encoder.encode_documents(["hello world", " over the edge", "!"])


def test_cut_makes_parts_of_whole_texts_in_order():
    rows = ["a" * 10, "", "b" * 100, "c", "d" * 5, None, "e" * 40]
    (texts,) = texts_of(as_arrow(rows))
    for size in (1, 2, 11, 12, 50, 1000):
        parts = list(texts.cut(size))
        seen = [
            part.data[start:end].tobytes().decode()
            for part in parts
            for start, end in zip(part.starts, part.ends, strict=True)
        ]
        assert seen == [row or "" for row in rows]
        assert [part.first for part in parts] == np.cumsum([0, *(len(p.starts) for p in parts)])[:-1].tolist()
        assert all(len(part.starts) == 1 or (part.ends - part.starts + 1).sum() <= size for part in parts)


GUARD = """
    import ctypes, mmap, sys
    import numpy as np, pyarrow as pa
    from bm25 import Bm25Encoder
    kind, padded = sys.argv[1], sys.argv[2] == "padded"
    page = mmap.PAGESIZE
    words = "the quick brown fox jumps over lazy dogs again and again"
    rows = [words[: 1 + i % 50] for i in range(300)]
    rows += ["z" * n for n in (1, 8, 13, 16, 17, 25, 63, 64, 65, 200)]
    source = pa.array(rows, getattr(pa, kind)())

    def at_the_edge(buffer):
        # The last byte of the buffer is the last byte that may be read, or 64 bytes before it.
        size = buffer.size + (64 if padded else 0)
        pages = -(-size // page) * page
        memory = mmap.mmap(-1, pages + page)
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        start = pages - size
        memory[start : start + buffer.size] = buffer.to_pybytes()
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mprotect(ctypes.c_void_p(base + pages), page, 0) == 0
        keep.append(memory)
        return pa.foreign_buffer(base + start, buffer.size, memory), base + pages

    keep = []
    buffers, edges = [], []
    raw = source.buffers()
    text_buffers = range(1, len(raw)) if kind == "string_view" else [2]
    sizes = {}
    if kind != "string_view":
        raw[2] = raw[2].slice(0, sum(map(len, rows)))
    for i, buffer in enumerate(raw):
        if i in text_buffers:
            buffer, edge = at_the_edge(buffer)
            edges.append(edge)
        buffers.append(buffer)
    array = pa.Array.from_buffers(source.type, len(source), buffers)
    assert array.to_pylist() == rows
    encoder = Bm25Encoder(threads=1)
    expected = encoder.encode_documents(rows)
    assert encoder.encode_documents(array) == expected
    for i in range(len(rows)):
        assert encoder.encode_documents(array.slice(i, 1))[0][0].tolist() == expected[i][0].tolist()
    print("done", flush=True)
    if len(sys.argv) > 3:
        ctypes.string_at(edges[0], 1)
        print("survived", flush=True)
"""


def guarded(*arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(GUARD), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="protects memory by mprotect")
class TestEdgeOfMemory:
    @arrow_types
    def test_texts_at_the_end_of_readable_memory(self, kind):
        names = {str(kind): name for name, kind in ARROW_TYPES.items()}
        result = guarded(names[str(kind)], "bare")
        assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr

    def test_a_read_beyond_would_have_been_fatal(self):
        result = guarded("string", "bare", "beyond")
        assert (result.returncode, result.stdout) == (-11, "done\n"), result.stderr


def test_texts_are_padded_as_kernels_need_it():
    # `inputs` does not import the kernels, so the number stands twice.
    from bm25.kernels import scan

    assert PADDING == scan.PADDING
