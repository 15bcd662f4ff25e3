"""Which inputs go upstream in one call: equal key, kind of data and options, within a provider's bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bm25.inference.models import Modality
from bm25.inference.providers.keys import Key

__all__ = ["MAX_BYTES", "Batch", "Item", "batches"]

# OpenAI takes 300,000 tokens in a call. A token stands for one byte at least, so this many bytes are never
# more, in any language; an input that is longer by itself goes alone.
MAX_BYTES = 300_000


@dataclass(frozen=True, slots=True)
class Item:
    """One input as a provider takes it.

    Attributes:
        number: its place among the inputs.
        data: what stands for it in the body.
        data_type: of the input.
        size: bytes of `data`.
        model: the provider's name of it.
        options: for the body.
        options_json: the same as sorted JSON, to compare.
        key: that pays for it.
    """

    number: int
    data: Any
    data_type: Modality
    size: int
    model: str
    options: dict[str, Any]
    options_json: str
    key: Key | None


class Batch(NamedTuple):
    """Items that go in one call; they share everything but the data."""

    items: list[Item]

    @property
    def first(self) -> Item:
        """What stands for all where it comes to key, model, options and kind of data."""
        return self.items[0]


def batches(items: Iterable[Item], most: dict[Modality, int]) -> list[Batch]:
    """Return items that may go together, in as few batches as their order allows.

    Args:
        items: of one request.
        most: how many of a kind of data go in one call.
    """
    groups: dict[tuple[Any, ...], list[Item]] = {}
    for item in items:
        groups.setdefault((item.key, item.model, item.data_type, item.options_json), []).append(item)
    return [Batch(part) for group in groups.values() for part in _parts(group, most[group[0].data_type])]


def _parts(group: Sequence[Item], most: int) -> Iterable[list[Item]]:
    part: list[Item] = []
    size = 0
    for item in group:
        if part and (len(part) == most or size + item.size > MAX_BYTES):
            yield part
            part, size = [], 0
        part.append(item)
        size += item.size
    yield part
