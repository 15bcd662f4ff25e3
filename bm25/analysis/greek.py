"""Greek tokens on which the engine's stemmer panics.

Two of its rules, 5c and s3 of the Snowball algorithm, may replace text beyond the end of what an earlier
rule left. `αντίθετε` is such a word. In Qdrant that is an error of the request; in `py-rust-stemmers` it
would end the whole process. The beginnings and endings below are all that meet there, found by putting every
pair of the rules' own strings to the engine.
"""

from __future__ import annotations

import re

__all__ = ["may_panic"]

_BEGINNINGS = (
    "αβαρ αβρ αδ αθ αν απλ βαρον βεν δ εμ εναρ θ θαρρ κοπ μπορ νιφ ντρ παγ παρακαλ σερπ σκ σκελ συρφ τοκ υ"
)
_ENDINGS = (
    "αιν αιρ αρκ βαρ βολ διαθ εκθ ενδ ενθ ευθ ευρ καθ νετ πον πυρ ραθ ροθ ρον συν συνδ συνθ ταθ τιθ υπερθ "
    "φορ χωρ ωφελ"
)
# What follows may be stripped by earlier rules, so it is not looked at.
_RISKY = re.compile(
    f"(?:{'|'.join(_BEGINNINGS.split())})(?:{'|'.join(_ENDINGS.split())})ετε|ισαισ", re.IGNORECASE
)
_WITHOUT_ACCENTS = str.maketrans("άέήίόύώϊΐϋΰςΆΈΉΊΌΎΏΪΫ", "αεηιουωιιυυσαεηιουωιυ")


def may_panic(token: str) -> bool:
    """Whether the engine's stemmer might panic on a token; no token for which this is False makes it."""
    return _RISKY.match(token.translate(_WITHOUT_ACCENTS)) is not None
