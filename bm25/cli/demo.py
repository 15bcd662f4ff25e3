"""`bm25 demo`: search Python's own documentation with an embedded Qdrant."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from bm25.cli.options import add_config_arguments, config_from_arguments, positive
from bm25.errors import Bm25InputError

if TYPE_CHECKING:
    from bm25.encoder import Bm25Encoder
    from bm25.qdrant.edge import EdgeCollection, Hit

__all__ = ["add_parser", "run"]

_QUESTIONS = (
    "how do I parse a date string",
    "split a string into words like a shell",
    "read a compressed archive without unpacking it",
    "how are exceptions handled",
)

_EPILOG = """\
examples:
  bm25 demo
  bm25 demo "how do I parse a date string" "difference between two sequences"
  bm25 demo --preset qdrant --limit 5 "how do I parse a date string"

Needs the embedded Qdrant: pip install 'bm25-engine[edge]'. No server, no network, no download: the
documents are the docstrings and the language reference that come with Python.

The mean document length is measured, unless --avg-len, --config or --preset qdrant is given: the vectors
of --preset qdrant are exactly Qdrant's.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "demo",
        help="index Python's documentation in an embedded Qdrant and ask it questions",
        description="Index the documentation of Python's standard library and answer questions from it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("question", nargs="*", metavar="QUESTION", help="default: a few examples")
    parser.add_argument("--limit", type=positive, default=3, metavar="N", help="answers a question (3)")
    parser.add_argument("--path", metavar="DIR", help="keep the index in this new directory")
    parser.add_argument("--threads", type=positive, metavar="N", help="threads that encode")
    add_config_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Index, then answer."""
    import tempfile

    config = config_from_arguments(args)

    from bm25 import Bm25Encoder
    from bm25.qdrant.edge import EdgeCollection

    encoder = Bm25Encoder(config, threads=args.threads)
    with (
        tempfile.TemporaryDirectory(prefix="bm25-demo-") as temporary,
        EdgeCollection.create(args.path or temporary) as collection,
    ):
        _index(encoder, collection, fit_length=_fits_length(args))
        for question in args.question or _QUESTIONS:
            _answer(encoder, collection, question, args.limit)
        if not args.question and sys.stdin.isatty() and sys.stdout.isatty():
            _converse(encoder, collection, args.limit)


def _fits_length(args: argparse.Namespace) -> bool:
    return args.avg_len is None and args.config is None and args.preset != "qdrant"


def _index(encoder: Bm25Encoder, collection: EdgeCollection, *, fit_length: bool) -> None:
    import time

    from bm25.demo_corpus import standard_library

    print("Reading the documentation of Python's standard library ...", flush=True)
    passages = standard_library()
    if not passages:
        raise Bm25InputError(
            "this Python comes without the sources of its library; there is nothing to index"
        )
    texts = [f"{passage.title}\n{passage.text}" for passage in passages]
    megabytes = sum(map(len, texts)) / 1e6
    encoder.warmup()
    started = time.perf_counter()
    counts = encoder.count_documents(texts)
    mean = float(counts.lengths.mean())
    vectors = encoder.weigh(counts, avg_len=mean) if fit_length else encoder.weigh(counts)
    seconds = time.perf_counter() - started
    print(
        f"{len(texts):,} documents, {megabytes:.1f} MB, {mean:.0f} tokens each on average: "
        f"encoded in {seconds:.2f} s ({megabytes / seconds:.0f} MB/s)"
    )
    started = time.perf_counter()
    payloads = [{"title": passage.title, "text": passage.text} for passage in passages]
    collection.upsert(range(len(texts)), vectors, payloads)
    collection.optimize()
    print(f"indexed by the embedded Qdrant in {time.perf_counter() - started:.1f} s", flush=True)


def _answer(encoder: Bm25Encoder, collection: EdgeCollection, question: str, limit: int) -> None:
    import time

    started = time.perf_counter()
    indices, values = encoder.encode_query(question)
    hits = collection.search(indices, values, limit=limit)
    milliseconds = 1000 * (time.perf_counter() - started)
    print(f"\n{_bold(question)}  ({milliseconds:.1f} ms)")
    if not hits:
        print("  nothing found: no word of the question occurs in the documents")
    for hit in hits:
        _show(encoder, hit, set(indices.tolist()))


def _show(encoder: Bm25Encoder, hit: Hit, wanted: set[int]) -> None:
    print(f"  {hit.score:6.2f}  {_bold(hit.payload['title'])}")
    words = _matching_words(encoder, hit.payload["text"], wanted)
    print(f"          {_highlight(_best_sentence(hit.payload['text'], words), words)}")


def _matching_words(encoder: Bm25Encoder, text: str, wanted: set[int]) -> dict[str, int]:
    """Return the words of the text that the encoder maps to a term of the question, with the term."""
    import re

    words = {}
    for word in set(re.findall(r"\w+", text)):
        found = wanted.intersection(encoder.encode_query(word)[0].tolist())
        if found:
            words[word] = found.pop()
    return words


def _best_sentence(text: str, words: dict[str, int]) -> str:
    """Return the sentence with the most different terms of the question."""
    import re
    import textwrap

    sentences = [" ".join(part.split()) for part in re.split(r"(?<=[.!?:])\s+|\n\s*\n", text)]
    best = max(
        (sentence for sentence in sentences if sentence),
        key=lambda sentence: len({words[word] for word in re.findall(r"\w+", sentence) if word in words}),
        default="",
    )
    return textwrap.shorten(best, 200, placeholder=" ...")


def _highlight(sentence: str, words: dict[str, int]) -> str:
    import re

    return re.sub(r"\w+", lambda match: _bold(match[0]) if match[0] in words else match[0], sentence)


def _converse(encoder: Bm25Encoder, collection: EdgeCollection, limit: int) -> None:
    print("\nAsk something; an empty line ends.")
    while True:
        try:
            question = input("> ").strip()
        except EOFError:
            return
        if not question:
            return
        _answer(encoder, collection, question, limit)


def _bold(text: str) -> str:
    import os

    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text
