import base64

import pytest

from bm25.inference.errors import InvalidRequestError, UpstreamError
from tests.inference.providers.conftest import KEY
from tests.inference.providers.doubles import Reply, vector

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0....").decode()
GIF = base64.b64encode(b"GIF89a....").decode()
WEBP = base64.b64encode(b"RIFF....WEBP").decode()


@pytest.mark.parametrize(
    ("purpose", "input_type"), [("update", "search_document"), ("search", "search_query")]
)
def test_the_body(cohere, purpose, input_type):
    cohere.embed(cohere.inputs("a", "b", output_dimension=3, truncate="END"), purpose=purpose)
    (received,) = cohere.double.calls
    assert received.path == "/v2/embed"
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.body == {
        "model": "m",
        "texts": ["a", "b"],
        "input_type": input_type,
        "embedding_types": ["float"],
        "output_dimension": 3,
        "truncate": "END",
    }


def test_options_say_the_input_type(cohere):
    cohere.embed([cohere.input("a", input_type="clustering"), cohere.input("b", 1)])
    sent = {call.body["input_type"] for call in cohere.double.calls}
    assert sent == {"clustering", "search_document"}


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        ("data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
        (PNG, f"data:image/png;base64,{PNG}"),
        (JPEG, f"data:image/jpeg;base64,{JPEG}"),
        (GIF, f"data:image/gif;base64,{GIF}"),
        (WEBP, f"data:image/webp;base64,{WEBP}"),
    ],
)
def test_an_image(cohere, data, sent):
    found, _ = cohere.embed([cohere.input(data, 0, "image")], purpose="search")
    assert found == [pytest.approx(vector(sent), rel=1e-6)]
    assert cohere.double.calls[0].body == {
        "model": "m",
        "images": [sent],
        "input_type": "image",
        "embedding_types": ["float"],
    }


def test_images_go_one_by_one_and_without_texts(cohere):
    inputs = [
        cohere.input(PNG, 0, "image"),
        cohere.input("a", 1),
        cohere.input(GIF, 2, "image"),
        cohere.input("b", 3),
    ]
    found, _ = cohere.embed(inputs)
    sent = [f"data:image/png;base64,{PNG}", "a", f"data:image/gif;base64,{GIF}", "b"]
    assert found == [pytest.approx(vector(one), rel=1e-6) for one in sent]
    assert sorted(len(cohere.texts(i)) for i in range(3)) == [1, 1, 2]


@pytest.mark.parametrize("data", ["https://example.com/a.png", "AAAA", ""])
def test_what_is_no_image(cohere, data):
    with pytest.raises(InvalidRequestError, match=r"^inputs\[3\]\.data: .*data URI .*not fetched"):
        cohere.embed([cohere.input(data, 3, "image")])
    assert cohere.double.calls == []


@pytest.mark.parametrize("embeddings", [[[1.0]], {"int8": [[1]]}, {"float": [1.0]}, {"float": None}, None])
def test_other_shapes(cohere, embeddings):
    cohere.double.replies.append(Reply(body={"embeddings": embeddings}))
    with pytest.raises(UpstreamError, match=r"not understood: .*\$"):
        cohere.embed(cohere.inputs("a"))


@pytest.mark.parametrize(
    ("meta", "tokens"),
    [
        ({"billed_units": {"input_tokens": 3}}, 3),
        ({"billed_units": {"input_tokens": 3.0}}, 3),
        ({"billed_units": {"images": 1}}, None),
        ({"billed_units": None}, None),
        ({"billed_units": {"input_tokens": "3"}}, None),
        (None, None),
        ([], None),
    ],
)
def test_tokens(cohere, meta, tokens):
    cohere.double.replies.append(Reply(body={"embeddings": {"float": [[1, 2]]}, "meta": meta}))
    assert cohere.embed(cohere.inputs("a")) == ([[1, 2]], tokens)
