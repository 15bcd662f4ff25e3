"""`MultilingualCounter`: the tokenizer that looks at whole texts.

Most texts need no more than the table of surface forms, like those of any other tokenizer:
`kernels/scripts.py` finds them. The rest, Chinese, Japanese, Thai, Arabic and mixtures that it cannot be sure
of, goes to Qdrant's engine, one text a call. The engine yields ids and no terms.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bm25.analysis.analyzer import Analyzer, Role
from bm25.analysis.multilingual import character_kinds
from bm25.config import Bm25Config
from bm25.counter import SurfaceFormCounter, Weigh, invalid_text
from bm25.csr import Counted
from bm25.engine import MULTILINGUAL, engine_encoder, frequency_encoder, is_panic
from bm25.errors import Bm25InputError
from bm25.inputs import Texts
from bm25.kernels.scan import PADDING
from bm25.kernels.scripts import blank_leading, supported_texts
from bm25.vocabulary import Vocabulary

__all__ = ["MultilingualCounter"]

Array = np.ndarray[Any, Any]

MAX_FREQUENCY = 1 << 24  # from here on a float32 does not hold every integer


class MultilingualCounter(SurfaceFormCounter):
    """Counts the terms of texts, in compiled code where that is exact, else by Qdrant's engine.

    Raises:
        MissingExtraError: the engine is not installed. Said at once, not when the first text needs it.
    """

    def __init__(self, config: Bm25Config, role: Role, threads: int) -> None:
        super().__init__(Vocabulary(Analyzer(config, role)), threads)
        self._kinds = np.frombuffer(character_kinds(), np.uint8)
        self._frequencies = frequency_encoder(config, MULTILINGUAL)
        encoder = engine_encoder(config, MULTILINGUAL)
        if role == "document":
            self._weights = encoder.embed_document
        else:
            self._weights = encoder.embed_query if config.k3 is None else None

    def count_part(self, texts: Texts, weigh: Weigh | None) -> Counted:
        """Count consecutive texts, and weigh what was counted."""
        supported = np.empty(len(texts.starts), bool)
        needs_blanks = np.empty(len(texts.starts), bool)
        supported_texts(texts.data, texts.starts, texts.ends, self._kinds, supported, needs_blanks)
        if not supported.any():
            return self._by_engine(texts, np.arange(len(supported)), weigh)
        try:
            if not needs_blanks.any() and supported.all():
                return super().count_part(texts, weigh)
            by_forms = super().count_part(self._with_blanks(texts, supported, needs_blanks), weigh)
        except (Bm25InputError, UnicodeDecodeError):
            raise invalid_text(texts) from None  # under its number among all
        if supported.all():
            return by_forms
        return _interleaved(supported, by_forms, self._by_engine(texts, np.flatnonzero(~supported), weigh))

    def _with_blanks(self, texts: Texts, supported: Array, needs_blanks: Array) -> Texts:
        """Return the supported texts, in memory of ours if some of them need blanks."""
        starts, ends = texts.starts[supported], texts.ends[supported]
        if not needs_blanks.any():
            return texts._replace(starts=starts, ends=ends)
        for row in np.flatnonzero(needs_blanks):  # under a blank, what is no UTF-8 would go unseen
            texts.data[texts.starts[row] : texts.ends[row]].tobytes().decode()
        out_ends = np.cumsum(ends - starts)
        out_starts = out_ends - (ends - starts)
        out = np.empty(int(out_ends[-1]) + PADDING, np.uint8)
        out[-PADDING:] = 0
        blank_leading(texts.data, starts, ends, self._kinds, out, out_starts)
        out.flags.writeable = False  # as other texts are: another type would be compiled for once more
        return texts._replace(data=out, starts=out_starts, ends=out_ends, owner=out)

    def _by_engine(self, texts: Texts, rows: Array, weigh: Weigh | None) -> Counted:
        # The engine's own weights where it has them: they are its own even where two terms share an id.
        weights = self._weights if weigh is not None else None
        embed = weights or self._frequencies.embed_document
        sizes: list[int] = []
        ids: list[int] = []
        values: list[float] = []
        for row in rows:
            try:
                vector = embed(texts.data[texts.starts[row] : texts.ends[row]].tobytes().decode())
            except UnicodeDecodeError:
                raise invalid_text(texts) from None
            except BaseException as error:
                if not is_panic(error):
                    raise
                raise Bm25InputError(
                    f"texts[{texts.first + row}]: Qdrant's engine fails on this text: {error}"
                ) from None
            term_ids = vector.indices
            sizes.append(len(term_ids))
            ids += term_ids
            values += vector.values
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(sizes, out=indptr[1:])
        term_ids, numbers = np.array(ids, np.uint32), np.array(values, np.float32)
        if weights is not None:
            return Counted(indptr, term_ids, numbers, np.zeros(len(rows), np.uint32), [])
        if len(numbers) and numbers.max() >= MAX_FREQUENCY:
            row = rows[np.searchsorted(indptr, numbers.argmax(), "right") - 1]
            raise Bm25InputError(
                f"texts[{texts.first + row}]: a term occurs {MAX_FREQUENCY:,} times or more, which Qdrant's "
                "engine cannot count exactly; split the text"
            )
        frequencies = numbers.astype(np.uint32)
        totals = np.concatenate([np.zeros(1, np.int64), np.cumsum(frequencies, dtype=np.int64)])
        lengths = np.diff(totals[indptr]).astype(np.uint32)
        counted = Counted(indptr, term_ids, frequencies, lengths, [])
        return counted if weigh is None else counted._replace(values=weigh(counted))


def _interleaved(first: Array, one: Counted, other: Counted) -> Counted:
    """Return the counts of texts of which `first` (bool) are in one part and the rest in another."""
    sizes = np.empty(len(first), np.int64)
    sizes[first] = np.diff(one.indptr)
    sizes[~first] = np.diff(other.indptr)
    indptr = np.zeros(len(first) + 1, np.int64)
    np.cumsum(sizes, out=indptr[1:])
    entries = np.repeat(first, sizes)
    term_ids = np.empty(len(entries), np.uint32)
    values = np.empty(len(entries), one.values.dtype)
    lengths = np.empty(len(first), np.uint32)
    for chosen, rows, part in ((entries, first, one), (~entries, ~first, other)):
        term_ids[chosen] = part.term_ids
        values[chosen] = part.values
        lengths[rows] = part.lengths
    return Counted(indptr, term_ids, values, lengths, one.blocks + other.blocks)
