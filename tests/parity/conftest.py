"""What of the parity tests runs without the JIT: the few that take few texts."""

from tests.conftest import REDUCED

collect_ignore = (
    [
        "test_words.py",
        "test_paragraphs.py",
        "test_suffixes.py",
        "test_unicode.py",
        "test_weights.py",
        "test_multilingual.py",
    ]
    if REDUCED
    else []
)
