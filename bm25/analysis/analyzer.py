"""`Analyzer`: what every option of the text pipeline means, applied once to each distinct surface form.

A surface form is a run of bytes between ASCII separators. Everything beyond ASCII counts as part of
it, so that the compiled loop needs no Unicode tables; the exact split happens here, and a form may
yield no term, one, or several.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from bm25 import plugins
from bm25.analysis import steps, stopwords, unicode
from bm25.analysis.stemming import SPARE_DIGITS, stemmer
from bm25.analysis.tokenizers import SURFACE_FORMS, tokenizer
from bm25.config import Bm25Config
from bm25.errors import Bm25ConfigWarning
from bm25.options import MAX_TOKEN_LEN

__all__ = ["Analysis", "Analyzer", "Role", "roles_differ"]

Role = Literal["document", "query"]

DIGITS = tuple("0123456789")


class Analysis(NamedTuple):
    """Terms in order of appearance, and for each the number of the surface form it came from."""

    terms: list[str]
    owners: Sequence[int]


def roles_differ(config: Bm25Config) -> bool:
    """Tell whether documents and queries may map a surface form to different terms, or are counted apart."""
    return config.tokenizer in ("prefix", "whitespace", "multilingual")


class Analyzer:
    """The pipeline of one configuration in one role. Immutable, and safe to share between threads.

    Attributes:
        tokenizer: how text is split.
        surface_forms: a function from one text to its surface forms.
        text_steps, token_steps: what tokens go through, in order.
        longest_plain: a form of ASCII letters and digits that ends in a digit and is of at most so many
            bytes is, in lowercase, its own and only term; 0 where that cannot be said.
    """

    def __init__(self, config: Bm25Config, role: Role) -> None:
        self.config = config
        self.role = role
        self.tokenizer = tokenizer(config)
        self.surface_forms = SURFACE_FORMS[self.tokenizer.forms].findall
        # The order is Qdrant's: split, fold, lowercase, stopwords, stem, limits.
        self.text_steps = self._text_steps()
        self._stopwords = steps.Stopwords(self._stopword_lists())
        self.token_steps = self._token_steps()
        self.longest_plain = self._longest_plain()
        if role == "document":
            self._warn_of_words_that_never_come()

    def analyze(self, text: str) -> Analysis:
        """Return the terms of surface forms, given one a line."""
        # The first steps work on all forms at once, at the speed of C.
        text = self.tokenizer.split(text)
        for text_step in self.text_steps:
            text = text_step(text)
        tokens, owners = _tokens(text)
        for token_step in self.token_steps:
            tokens, owners = token_step(tokens, owners)
        return Analysis(tokens, owners)

    def _text_steps(self) -> tuple[steps.TextStep, ...]:
        if self.config.dialect == "fastembed":
            return (steps.LowercaseFastEmbed(),)
        fold = (steps.Fold(),) if self.config.ascii_folding else ()
        return (*fold, steps.Lowercase()) if self.config.lowercase else fold

    def _token_steps(self) -> tuple[steps.TokenStep, ...]:
        config = self.config
        found: list[steps.TokenStep] = [
            steps.Filter(plugins.find(item["name"], item["version"])) for item in config.filters
        ]
        if config.tokenizer == "multilingual":
            found.append(steps.Spaces())
        if self._stopwords.words:
            found.append(self._stopwords)
        if config.synonyms:
            found.append(steps.Synonyms(config.synonyms))
        limits = config.shortest_token, config.longest_token
        if config.dialect == "fastembed":  # where tokens are measured before they are stemmed
            found.append(steps.Lengths(*limits))
        if config.stemmer is not None and config.stemmer["type"] == "plugin":
            plugin = plugins.find(config.stemmer["name"], config.stemmer["version"])
            found.append(steps.StemByPlugin(plugin, config.protected_words))
        elif config.stemmer_language is not None:
            stem = stemmer(config.stemmer_language)
            found.append(steps.Stem(config.stemmer_language, stem, config.protected_words))
        if config.dialect == "fastembed":
            found.append(steps.Lengths(1, None))  # and an empty stem is dropped
        elif config.tokenizer == "prefix":
            found.append(steps.Prefixes(config.min_token_len, limits[1], longest_only=self.role == "query"))
        elif limits != (0, None):
            found.append(steps.Lengths(*limits))
        return tuple(found)

    def _stopword_lists(self) -> dict[str, frozenset[str]]:
        config = self.config
        if config.tokenizer == "prefix" and self.role == "query":
            return {}  # who types "th" may be about to type "theory"
        lists = {language: stopwords.load(language) for language in config.stopword_languages}
        lists["custom"] = frozenset(config.custom_stopwords)
        if config.dialect == "fastembed":
            lists = {name: frozenset(word.lower() for word in words) for name, words in lists.items()}
            lists["punctuation"] = frozenset("_")
        elif config.lowercase:
            lists = {name: frozenset(map(unicode.lower, words)) for name, words in lists.items()}
        if config.tokenizer == "whitespace" and self.role == "query":
            lists["NUL"] = frozenset("\0")  # dropped by the engine from queries, kept in documents
        return {name: words for name, words in lists.items() if words}

    def _warn_of_words_that_never_come(self) -> None:
        """Warn of synonyms and protected words that no text can have here: a rule looks at one token."""
        config = self.config
        if config.filters or isinstance(config.tokenizer, Mapping):
            return  # which may make any token
        for option, words in (
            ("synonyms", config.synonyms or ()),
            ("protected_words", config.protected_words),
        ):
            for word in words:
                text = self.tokenizer.split("\n".join(self.surface_forms(word)))
                for step in self.text_steps:
                    text = step(text)
                if word not in (tokens := text.split()):
                    why = f"the tokenizer makes {' and '.join(map(repr, tokens)) or 'nothing'} of it"
                elif word in self._stopwords.words:
                    why = f"it is a {self._stopwords.reason(word)}"
                else:
                    continue
                warnings.warn(f"{option}: {word!r} never comes: {why}", Bm25ConfigWarning, stacklevel=5)

    def _longest_plain(self) -> int:
        config = self.config
        plain = (
            config.lowercase
            and config.tokenizer in ("word", "whitespace")
            and not config.filters
            and (config.stemmer is None or config.stemmer["type"] != "plugin")
            and (config.stemmer_language is None or config.stemmer_language in SPARE_DIGITS)
            and config.shortest_token <= 1
            and not any(word.endswith(DIGITS) for word in (*self._stopwords.words, *(config.synonyms or ())))
        )
        if not plain:
            return 0
        return config.longest_token if config.longest_token is not None else MAX_TOKEN_LEN


def _tokens(text: str) -> tuple[list[str], Sequence[int]]:
    lines = text.split("\n")
    if " " not in text and "" not in lines:
        return lines, range(len(lines))
    # Few lines are split further, or are empty; what lies between them is taken over whole.
    tokens: list[str] = []
    owners: list[int] = []
    done = 0
    for number in [i for i, line in enumerate(lines) if " " in line or not line]:
        pieces = [piece for piece in lines[number].split(" ") if piece]
        tokens += lines[done:number] + pieces
        owners += [*range(done, number), *[number] * len(pieces)]
        done = number + 1
    tokens += lines[done:]
    owners += range(done, len(lines))
    return tokens, owners
