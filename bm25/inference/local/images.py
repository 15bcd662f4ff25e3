"""Images out of requests: base64 only, never an address, and within limits before a pixel is decoded."""

from __future__ import annotations

import base64
import binascii
import re
from io import BytesIO
from typing import Any, NamedTuple

from bm25.inference.errors import InvalidRequestError, TooLargeError

__all__ = ["FORMATS", "MAX_IMAGE_BYTES", "MAX_IMAGE_PIXELS", "MAX_IMAGE_RATIO", "Picture", "decode"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
"""What is read. Pillow knows many more, some of which start other programs."""

MAX_IMAGE_BYTES = 20 * 2**20
"""Of one image's file, after base64."""

MAX_IMAGE_PIXELS = 40_000_000
"""Of one image: a file of a few kilobytes can stand for gigabytes of pixels."""

MAX_IMAGE_RATIO = 50
"""Of the longer side to the shorter: models scale the shorter side up, and the longer one with it."""

_ADDRESS = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")
_DATA_URI = re.compile(r"data:image/[A-Za-z0-9.+-]+;base64,", re.IGNORECASE)
_ENCODINGS = "a base64 string, or data:image/...;base64,..."


class Picture(NamedTuple):
    """An image that is not decoded yet.

    Attributes:
        path: of the string that it was, for errors.
        file: its bytes.
        pixels: how many it has.
    """

    path: str
    file: bytes
    pixels: int

    def image(self) -> Any:
        """Return it as Pillow's image, decoded.

        Raises:
            InvalidRequestError: the file is damaged.
        """
        from PIL import Image

        try:
            image = Image.open(BytesIO(self.file), formats=FORMATS)
            image.load()
        except Exception as error:
            # Damage makes Pillow raise nearly anything: OSError, SyntaxError, struct.error, zlib.error.
            raise _damaged(self.path, error) from error
        return image


def decode(data: str, path: str) -> Picture:
    """Return the image in a string.

    Args:
        data: base64, or a data: URI with base64.
        path: where it stands in the request, for errors.

    Raises:
        InvalidRequestError: it is an address, or no base64, or no image of a known format.
        TooLargeError: the file, the number of pixels or the ratio of the sides is beyond the limit.
    """
    file = _file(data, path)
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(file), formats=FORMATS) as image:
            width, height = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLargeError(f"{path}: {error}; up to {MAX_IMAGE_PIXELS} pixels are allowed") from error
    except UnidentifiedImageError as error:
        raise InvalidRequestError(f"{path} is no image of a known format ({', '.join(FORMATS)})") from error
    except Exception as error:
        # As in Picture.image.
        raise _damaged(path, error) from error
    if width * height > MAX_IMAGE_PIXELS:
        raise TooLargeError(
            f"{path} has {width} x {height} pixels; up to {MAX_IMAGE_PIXELS} are allowed: scale it down"
        )
    if max(width, height) > MAX_IMAGE_RATIO * min(width, height):
        raise TooLargeError(
            f"{path} has {width} x {height} pixels; the longer side may be up to {MAX_IMAGE_RATIO} times the "
            "shorter one: crop it"
        )
    return Picture(path, file, width * height)


def _file(data: str, path: str) -> bytes:
    if _ADDRESS.match(data):
        raise InvalidRequestError(
            f"{path} is an address, and this server fetches no addresses: send the image as {_ENCODINGS}"
        )
    uri = _DATA_URI.match(data)
    if uri is None and data[:5].lower() == "data:":
        raise InvalidRequestError(f"{path} is a data: URI other than data:image/...;base64,...")
    start = uri.end() if uri is not None else 0
    if (len(data) - start) // 4 * 3 > MAX_IMAGE_BYTES + 3:
        raise TooLargeError(
            f"{path} is an image of {(len(data) - start) // 4 * 3} bytes; up to {MAX_IMAGE_BYTES} are allowed"
        )
    try:
        file = base64.b64decode(data[start:], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError(f"{path} is no base64 ({error}); an image is {_ENCODINGS}") from error
    if not file:
        raise InvalidRequestError(f"{path} is empty; an image is {_ENCODINGS}")
    return file


def _damaged(path: str, error: Exception) -> InvalidRequestError:
    return InvalidRequestError(f"{path} is a damaged image: {type(error).__name__}: {error}")
