"""`trace`: what became of each token of a text, and why.

The steps are those of the `Analyzer` itself, run on one token at a time. Each looks at one token at a time
in any case, so what is shown here is what happens there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from bm25.analysis.analyzer import Analyzer, Role
from bm25.analysis.steps import TextStep, TokenStep
from bm25.analysis.tokenizers import SURFACE_FORMS
from bm25.errors import PluginError
from bm25.hashing import term_id

__all__ = ["Change", "TextAnalysis", "Token", "VectorEntry", "trace"]


@dataclass(frozen=True, slots=True)
class Change:
    """One step on the way of a token.

    Attributes:
        step: its name: `tokenizer`, `ascii_folding`, `lowercase`, `filter ...`, `stopwords`, `synonyms`,
            `stemmer`, `length` or `prefix`.
        before: the token that came in.
        after: what came of it; None if it was dropped, and `before` again where the reason is why nothing
            happened. Where one token becomes several, each is a `Token` with a change of its own.
        reason: why; None where the name of the step says it all.
    """

    step: str
    before: str
    after: str | None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"step": self.step, "before": self.before, "after": self.after, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Token:
    """One token from the text to its term, or to where it was dropped.

    Attributes:
        form: the surface form, ``text[start:end]``, offsets in characters. The tokens of a form that became
            several stand side by side.
        changes: the steps that changed it, in order.
        term: what it became; None if it was dropped.
        term_id: the id of the term.
        weight: the weight of that id in the vector of the text, of all its tokens together.
        shared_with: other terms of the text that have the same id.
    """

    form: str
    start: int
    end: int
    changes: tuple[Change, ...]
    term: str | None
    term_id: int | None = None
    weight: float | None = None
    shared_with: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "form": self.form,
            "start": self.start,
            "end": self.end,
            "changes": [change.to_dict() for change in self.changes],
            "term": self.term,
            "term_id": self.term_id,
            "weight": self.weight,
            "shared_with": list(self.shared_with),
        }


@dataclass(frozen=True, slots=True)
class VectorEntry:
    """One entry of a vector, and the terms it stands for: several if they share the id."""

    term_id: int
    weight: float
    frequency: int
    terms: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "term_id": self.term_id,
            "weight": self.weight,
            "frequency": self.frequency,
            "terms": list(self.terms),
        }


@dataclass(frozen=True, slots=True)
class TextAnalysis:
    """How a text becomes a vector.

    Attributes:
        text: the text.
        role: `document` or `query`.
        tokens: what became of each token, in the order of the text.
        length: the number of tokens that were not dropped: the document length.
        vector: the entries of the vector, ascending by id. A weight is the shortest decimal that reads back
            to the float32 of the vector.
    """

    text: str
    role: Role
    tokens: tuple[Token, ...]
    length: int
    vector: tuple[VectorEntry, ...]

    @classmethod
    def build(cls, text: str, role: Role, tokens: list[Token], weights: Mapping[int, float]) -> TextAnalysis:
        """Put the tokens of a text and its vector, given as the weights of ids, together.

        Raises:
            PluginError: they do not have the same ids.
        """
        frequencies = Counter(token.term_id for token in tokens if token.term_id is not None)
        if frequencies.keys() != weights.keys():
            raise PluginError(
                "the terms of the text are not those of its vector: some plug-in returns, for one string, "
                "now these terms and now others"
            )
        terms: dict[int, set[str]] = {number: set() for number in sorted(weights)}
        for token in tokens:
            if token.term is not None and token.term_id is not None:
                terms[token.term_id].add(token.term)
        return cls(
            text,
            role,
            tuple(_weighed(token, weights, terms) for token in tokens),
            frequencies.total(),
            tuple(
                VectorEntry(number, weights[number], frequencies[number], tuple(sorted(names)))
                for number, names in terms.items()
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "text": self.text,
            "role": self.role,
            "length": self.length,
            "tokens": [token.to_dict() for token in self.tokens],
            "vector": [entry.to_dict() for entry in self.vector],
        }


def trace(analyzer: Analyzer, text: str) -> list[Token]:
    """Return what becomes of each token of a text, in order; weights are left open.

    The terms that are not None are those of `Analyzer.analyze`, in the same order.
    """
    stages = _stages(analyzer)
    known: dict[str, list[tuple[tuple[Change, ...], str | None, int | None]]] = {}
    tokens = []
    for match in SURFACE_FORMS[analyzer.tokenizer.forms].finditer(text):
        first = match.start()
        for start, end in analyzer.tokenizer.spans(match[0]):
            form = match[0][start:end]
            if form not in known:
                known[form] = [
                    (path.changes, path.token, None if path.token is None else term_id(path.token))
                    for path in _paths(form, stages)
                ]
            tokens += [
                Token(form, first + start, first + end, changes, term, number)
                for changes, term, number in known[form]
            ]
    return tokens


class _Path(NamedTuple):
    token: str | None  # None when dropped
    changes: tuple[Change, ...] = ()


class _Stage(NamedTuple):
    """One step, whatever its kind: from a token to several, and why."""

    name: str
    run: Callable[[str], list[str]]
    reason: Callable[[str], str | None]
    spared: frozenset[str] = frozenset()  # tokens for which it is worth saying that nothing happened


def _stages(analyzer: Analyzer) -> list[_Stage]:
    split = analyzer.tokenizer.split
    first = _Stage("tokenizer", lambda form: _words(split(form)), analyzer.tokenizer.reason)
    texts = [_text_stage(step) for step in analyzer.text_steps]
    protected = frozenset(analyzer.config.protected_words)
    return [first, *texts, *(_token_stage(step, protected) for step in analyzer.token_steps)]


def _text_stage(step: TextStep) -> _Stage:
    return _Stage(step.name, lambda token: _words(step(token)), lambda _: None)


def _token_stage(step: TokenStep, protected: frozenset[str]) -> _Stage:
    spared = protected if step.name == "stemmer" else frozenset()
    return _Stage(step.name, lambda token: step([token], [0])[0], step.reason, spared)


def _words(text: str) -> list[str]:
    return [word for word in text.split(" ") if word]


def _paths(form: str, stages: list[_Stage]) -> list[_Path]:
    paths = [_Path(form)]
    for stage in stages:
        paths = [longer for path in paths for longer in _advanced(path, stage)]
    return paths


def _advanced(path: _Path, stage: _Stage) -> list[_Path]:
    token = path.token
    if token is None:
        return [path]
    results = stage.run(token)
    if results == [token] and token not in stage.spared:
        return [path]
    reason = stage.reason(token)
    after: list[str] | list[None] = results or [None]
    return [_Path(one, (*path.changes, Change(stage.name, token, one, reason))) for one in after]


def _weighed(token: Token, weights: Mapping[int, float], terms: Mapping[int, set[str]]) -> Token:
    if token.term is None or token.term_id is None:
        return token
    others = terms[token.term_id] - {token.term}
    return replace(token, weight=weights[token.term_id], shared_with=tuple(sorted(others)))
