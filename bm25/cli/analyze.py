"""`bm25 analyze`: what becomes of each token of a text, step by step."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bm25.cli.options import add_config_arguments, config_from_arguments, describe_config
from bm25.cli.tables import printable
from bm25.cli.texts import texts
from bm25.display import display_width, padded
from bm25.errors import Bm25ConfigError

if TYPE_CHECKING:
    from bm25.analysis.trace import Change, TextAnalysis
    from bm25.config import Bm25Config

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  bm25 analyze "The foxes were running"
  bm25 analyze --role query --tokenizer prefix "running sho"
  bm25 analyze --language german --ascii-folding "Die Größe der Häuser"
  bm25 analyze --tokenizer code "getUserName" --format json
  bm25 analyze < titles.txt | jq -r '.tokens[] | select(.term == null) | .form'

The table has a row for each token: where it begins in the text (in characters), the token, each
step that changed or dropped it and why, the term, and of the term's entry in the vector the id, the
frequency (tf) and the weight. Steps that changed nothing are left out. A token that becomes several
has a row for each.

JSON is one object a line and text:
  {"text", "role", "length",
   "tokens": [{"form", "start", "end", "changes": [{"step", "before", "after", "reason"}, ...],
               "term", "term_id", "weight", "shared_with"}, ...],
   "vector": [{"term_id", "weight", "frequency", "terms"}, ...]}

"after" and "term" are null where a token was dropped. "shared_with" are other terms of the text
with the same id. Not for --tokenizer multilingual, which has ids but no terms.
"""

_NARROWEST = 70  # characters of a line that the table needs
_STEPS = 24  # at least for the steps
_GAP = "  "
_LONGEST_TITLE = 200  # characters of a text that stand above its table


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "analyze",
        help="show what becomes of each word of a text, and why",
        description="Show how a text becomes a vector: each token, the steps it went through, its term, "
        "id and weight.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", nargs="*", metavar="TEXT", help="a text; lines of stdin if none is given")
    parser.add_argument(
        "--role", choices=("document", "query"), default="document", help="what the texts are (document)"
    )
    parser.add_argument(
        "--format",
        choices=("table", "json"),
        help="default: table on a terminal, json otherwise",
    )
    add_config_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print what becomes of each text."""
    config = config_from_arguments(args)
    if not config.has_terms:
        raise Bm25ConfigError(
            f"tokenizer {config.tokenizer!r} cannot be analyzed: it works on whole texts in Qdrant's engine, "
            "which yields ids without terms; bm25 encode and bm25 query give its vectors"
        )
    given = texts(args.text, 'bm25 analyze "The foxes were running"')

    from bm25 import Bm25Encoder

    encoder = Bm25Encoder(config, threads=1)
    analyses = (encoder.analyze(text, role=args.role) for text in given)
    if args.format == "table" or (args.format is None and sys.stdout.isatty()):
        _print_tables(args, config, analyses)
        return

    import json

    for analysis in analyses:
        print(json.dumps(analysis.to_dict()), flush=not args.text)


def _print_tables(args: argparse.Namespace, config: Bm25Config, analyses: Iterator[TextAnalysis]) -> None:
    import shutil

    width = max(_NARROWEST, shutil.get_terminal_size().columns)
    header = [*_wrap(describe_config(args, config), width), *_wrap(_describe_steps(config), width)]
    _print_lines(header)
    for analysis in analyses:
        _print_lines(["", *_table(analysis, width)], flush=not args.text)


def _print_lines(lines: list[str], *, flush: bool = False) -> None:
    print("\n".join(line.rstrip() for line in lines), flush=flush)


def _describe_steps(config: Bm25Config) -> str:
    """Return what decides the terms, defaults resolved."""
    stopwords = [*config.stopword_languages]
    if config.custom_stopwords:
        stopwords.append(f"{len(config.custom_stopwords)} own")
    stemmer = config.stemmer_language or "none"
    if config.stemmer is not None and config.stemmer["type"] == "plugin":
        stemmer = f"plug-in {config.stemmer['name']}"
    parts = [
        "lowercase" if config.lowercase else "case kept",
        "accents folded" if config.ascii_folding else "accents kept",
        *(f"filter {item['name']}" for item in config.filters),
        f"stopwords {' + '.join(stopwords) or 'none'}",
        *([f"synonyms ({len(config.synonyms)})"] if config.synonyms else []),
        f"stemmer {stemmer}",
        *([f"protected words ({len(config.protected_words)})"] if config.protected_words else []),
    ]
    longest = config.longest_token
    if config.tokenizer == "prefix" or config.shortest_token or longest is not None:
        what = "prefixes" if config.tokenizer == "prefix" else "tokens"
        parts.append(
            f"{what} of {config.shortest_token} to {'any' if longest is None else longest} characters"
        )
    return ", ".join(parts)


def _table(analysis: TextAnalysis, width: int) -> list[str]:
    dropped = sum(token.term is None for token in analysis.tokens)
    about = f"{analysis.role}, length {analysis.length}, {dropped} dropped"
    rest = "..." if len(analysis.text) > _LONGEST_TITLE else ""
    title = f'"{printable(analysis.text[:_LONGEST_TITLE])}{rest}": {about}'
    if not analysis.tokens:
        return _wrap(title, width)
    frequencies = {entry.term_id: str(entry.frequency) for entry in analysis.vector}
    rows = [[["at"], ["token"], ["steps"], ["term"], ["id"], ["tf"], ["weight"]]]
    before = None
    for token in analysis.tokens:
        steps = [_describe_change(change) for change in token.changes]
        # What stands for one token of the text shows it once.
        first = [[str(token.start)], [printable(token.form)]] if token.start != before else [[""], [""]]
        before = token.start
        if token.term is None or token.term_id is None:
            rows.append([*first, steps, [""], [""], [""], [""]])
            continue
        number = f"{token.term_id}{'*' if token.shared_with else ''}"
        entry = [[printable(token.term)], [number], [frequencies[token.term_id]], [str(token.weight)]]
        rows.append([*first, steps, *entry])
    shared = [
        f"* {entry.term_id} is the id of {', '.join(map(printable, entry.terms))}"
        for entry in analysis.vector
        if len(entry.terms) > 1
    ]
    return [
        *_wrap(title, width),
        *_aligned(rows, width),
        *(line for note in shared for line in _wrap(note, width)),
    ]


def _describe_change(change: Change) -> str:
    reason = printable(change.reason or change.step)
    if change.after is None:
        return f"dropped: {reason}"
    after = f"{change.step}: {printable(change.after)}"
    return after if change.reason is None else f"{after} ({reason})"


def _aligned(rows: list[list[list[str]]], width: int) -> list[str]:
    """Return the lines of a table: the columns for a token, its term and its steps share what is left.

    A row is a list of cells, a cell a list of paragraphs.
    """
    natural = [
        max(display_width(text) for row in rows for text in row[column] or [""])
        for column in range(len(rows[0]))
    ]
    _, form, steps, term, *_ = natural
    left = width - sum(natural) + form + steps + term - len(_GAP) * (len(natural) - 1)
    words = max(8, (left - min(steps, _STEPS)) // 2)
    # A short token leaves its room to a long term, and both leave theirs to the steps.
    form_width = min(form, max(words, 2 * words - term))
    term_width = min(term, max(words, 2 * words - form))
    widths = [*natural]
    widths[1:4] = [form_width, max(5, min(steps, left - form_width - term_width)), term_width]
    lines = []
    for row in rows:
        cells = [
            [line for text in cell for line in _wrap(text, size)]
            for cell, size in zip(row, widths, strict=True)
        ]
        for i in range(max(map(len, cells))):
            texts_of_line = [cell[i] if i < len(cell) else "" for cell in cells]
            lines.append(
                _GAP.join(
                    padded(text, size, right=column in (0, 4, 5))
                    for column, (text, size) in enumerate(zip(texts_of_line, widths, strict=True))
                )
            )
    return lines


def _wrap(text: str, width: int) -> list[str]:
    """Return lines of at most `width` columns, broken between words where possible."""
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if display_width(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for char in word:
            if display_width(lines[-1] + char) > width:
                lines.append("")
            lines[-1] += char
    return lines
