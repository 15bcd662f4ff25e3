import pytest

from bm25.inference.errors import InvalidRequestError
from tests.inference.providers.conftest import KEY
from tests.inference.providers.doubles import vector


def test_the_body(jina):
    jina.embed(jina.inputs("a", "b", dimensions=3, task="retrieval.passage"))
    (received,) = jina.double.calls
    assert received.path == "/v1/embeddings"
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.body == {"model": "m", "input": ["a", "b"], "dimensions": 3, "task": "retrieval.passage"}


@pytest.mark.parametrize("purpose", ["update", "search"])
def test_a_task_is_not_made_up(jina, purpose):
    jina.embed(jina.inputs("a"), purpose=purpose)
    assert jina.double.calls[0].body == {"model": "m", "input": ["a"]}


def test_images_and_objects(jina):
    inputs = [
        jina.input("https://example.com/a.png", 0, "image"),
        jina.input("a", 1),
        jina.input({"text": "b"}, 2, "object"),
        jina.input("iVBORw0KGgo", 3, "image"),
        jina.input({"image": "https://example.com/b.png"}, 4, "object"),
    ]
    found, _ = jina.embed(inputs)
    items = [
        {"image": "https://example.com/a.png"}, "a", {"text": "b"}, {"image": "iVBORw0KGgo"},
        {"image": "https://example.com/b.png"},
    ]  # fmt: skip
    assert found == [pytest.approx(vector(item), rel=1e-6) for item in items]
    assert sorted(map(str, (jina.texts(i) for i in range(3)))) == sorted(
        map(str, ([items[0], items[3]], [items[1]], [items[2], items[4]]))
    )


def test_a_text_is_not_the_object_of_the_same_json(jina):
    inputs = [jina.input('"a"', 0), jina.input("a", 1, "object"), jina.input('"a"', 2, "object")]
    found, _ = jina.embed(inputs)
    assert found == [pytest.approx(vector(item), rel=1e-6) for item in ('"a"', "a", '"a"')]


def test_an_image_is_a_string(jina):
    with pytest.raises(
        InvalidRequestError, match=r"^inputs\[3\]\.data: Expected a string for 'image', got dict$"
    ):
        jina.embed([jina.input({"url": "x"}, 3, "image")])


def test_an_object_is_json(jina):
    with pytest.raises(InvalidRequestError, match=r"^inputs\[3\]\.data: not a value of JSON"):
        jina.embed([jina.input({"x": {1}}, 3, "object")])


@pytest.mark.parametrize("name", ["return_multivector", "late_chunking"])
def test_what_would_give_other_vectors(jina, name):
    with pytest.raises(InvalidRequestError, match=rf"^inputs\[3\]\.options\.{name}: "):
        jina.embed([jina.input("a", 3, **{name: True})])


def test_large_images_go_alone(jina):
    images = [f"{i}" + "A" * 200_000 for i in range(3)]
    jina.embed([jina.input(image, i, "image") for i, image in enumerate(images)])
    assert sorted(len(jina.texts(i)) for i in range(3)) == [1, 1, 1]
