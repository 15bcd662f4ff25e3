"""Images out of requests: what is refused, and with which words."""

import base64

import pytest

from bm25.inference.errors import InvalidRequestError, TooLargeError
from bm25.inference.local import images
from bm25.inference.local.runners import ImageRunner
from bm25.inference.settings import FastEmbedModel
from tests.inference import onnx_models

PATH = "inputs[3].data"
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"


@pytest.mark.parametrize(
    "data",
    [
        "http://example.invalid/a.png", "HTTPS://example.invalid/a.png", " https://example.invalid/a.png",
        "ftp://example.invalid/a", "file:///etc/passwd", "s3://bucket/a.png",
    ],
)  # fmt: skip
def test_addresses(data):
    with pytest.raises(
        InvalidRequestError, match="this server fetches no addresses: send the image as a base64"
    ):
        images.decode(data, PATH)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "is empty"),
        ("data:image/png;base64,", "is empty"),
        ("abc", "is no base64"),
        ("/etc/passwd", "is no base64"),
        ("iVBO Rw0K", "is no base64"),
        ("é" * 8, "is no base64"),
        ("data:image/png,abcd", "is a data: URI other than data:image/"),
        ("data:text/html;base64,abcd", "is a data: URI other than data:image/"),
        (base64.b64encode(b"plain text, no image").decode(), "is no image of a known format .JPEG, PNG"),
        (base64.b64encode(POSTSCRIPT).decode(), "is no image of a known format"),
        (onnx_models.picture(kind="TIFF"), "is no image of a known format"),
    ],
)  # fmt: skip
def test_what_is_no_image(data, message):
    with pytest.raises(InvalidRequestError, match=rf"inputs\[3\]\.data {message}"):
        images.decode(data, PATH)


def test_damage_behind_the_header_is_found_when_decoded():
    data = onnx_models.picture((3, 4, 5), (300, 300), "BMP")[:4000]
    picture = images.decode(data, PATH)
    assert picture.pixels == 90_000
    with pytest.raises(InvalidRequestError, match=r"inputs\[3\]\.data is a damaged image"):
        picture.image()


@pytest.mark.parametrize("length", range(1, 80))
def test_a_file_cut_anywhere_is_the_clients_fault(length):
    file = base64.b64decode(onnx_models.picture(size=(40, 40)))[:length]
    with pytest.raises(InvalidRequestError, match=r"^inputs\[3\]\.data"):
        images.decode(base64.b64encode(file).decode(), PATH).image()


def test_too_many_pixels():
    # A bitmap's header, whose sides are the two numbers behind the size of the header.
    header = bytearray(base64.b64decode(onnx_models.picture(kind="BMP")))
    for width, height in [(10_000, 4_001), (30_000, 30_000), (2**30, 2**30)]:
        header[18:26] = width.to_bytes(4, "little") + height.to_bytes(4, "little")
        with pytest.raises(TooLargeError, match=r"inputs\[3\]\.data.*pixels") as caught:
            images.decode(base64.b64encode(header).decode(), PATH)
        assert caught.value.status == 413


@pytest.mark.parametrize("size", [(1, 51), (510, 10)])
def test_sides_of_too_different_lengths(size):
    if size == (510, 10):
        assert images.decode(onnx_models.picture(size=(500, 10)), PATH).pixels == 5000
    with pytest.raises(TooLargeError, match="the longer side may be up to 50 times"):
        images.decode(onnx_models.picture(size=size), PATH)


def test_a_file_beyond_the_limit():
    data = "A" * ((images.MAX_IMAGE_BYTES + 9) // 3 * 4)
    with pytest.raises(TooLargeError, match=rf"up to {images.MAX_IMAGE_BYTES} are allowed"):
        images.decode(data, PATH)


def test_batches_are_of_few_images_and_few_pixels():
    runner = ImageRunner(None, FastEmbedModel(model="m", input="image", max_batch=3))
    most = images.MAX_IMAGE_PIXELS

    def batches(*pixels):
        return list(runner.batches([images.Picture("p", b"", each) for each in pixels]))

    assert batches() == []
    assert batches(1, 1, 1, 1) == [[0, 1, 2], [3]]
    assert batches(most, 1, most - 1, 1) == [[0], [1, 2], [3]]
    assert batches(most, most) == [[0], [1]]
