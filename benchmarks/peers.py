"""What ours is measured against, each as a function from a list of texts to nothing."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

Encode = Callable[[list[str]], object]

NAMES = {
    "qdrant_edge.Bm25": ("qdrant-edge-py",),
    "FastEmbed Bm25": ("fastembed",),
    "bm25s.tokenize": ("bm25s", "PyStemmer"),
    "HashingVectorizer": ("scikit-learn",),
    "pinecone-text BM25Encoder.fit": ("pinecone-text", "nltk"),
}


def described(name: str) -> str:
    """Return a peer's name with the versions of its packages."""
    return f"{name} ({', '.join(f'{package} {version(package)}' for package in NAMES[name])})"


def qdrant_edge(language: str) -> Encode:
    """Qdrant's own encoder, one text a call, as it is offered."""
    import qdrant_edge

    model = qdrant_edge.Bm25(qdrant_edge.Bm25Config(language=language))
    return lambda texts: [model.embed_document(text) for text in texts]


def fastembed(language: str) -> Encode:
    """FastEmbed's `Qdrant/bm25`, from stopword lists of ours instead of a download."""
    from fastembed.sparse.bm25 import Bm25

    folder = Path(tempfile.mkdtemp())
    (folder / "mock.file").touch()
    source = Path(__file__).parents[1] / "stopwords" / f"{language}.txt"
    (folder / source.name).write_bytes(source.read_bytes())
    model = Bm25("Qdrant/bm25", language=language, specific_model_path=str(folder))
    return lambda texts: list(model.embed(texts))


def bm25s(language: str) -> Encode:
    """bm25s' tokenizer with PyStemmer: tokens to integers, no weights."""
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer(language)
    stopwords = "en" if language == "english" else "de"
    return lambda texts: bm25s.tokenize(texts, stopwords=stopwords, stemmer=stemmer, show_progress=False)


def hashing_vectorizer(language: str) -> Encode:
    """scikit-learn's HashingVectorizer: term frequencies of unstemmed words, no weights."""
    from sklearn.feature_extraction.text import HashingVectorizer

    model = HashingVectorizer(alternate_sign=False, norm=None)
    return model.transform


def pinecone_text(language: str) -> Encode:
    """pinecone-text's encoder, fitted: it counts document frequencies, and encodes nothing.

    It needs data of NLTK (punkt_tab, stopwords), which it would download; the llama-index-core wheel has it.
    """
    import nltk

    with contextlib.suppress(ModuleNotFoundError):
        package = find_spec("llama_index.core")
        if package is not None and package.origin is not None:
            nltk.data.path.insert(0, str(Path(package.origin).with_name("_static") / "nltk_cache"))
    nltk.data.find("tokenizers/punkt_tab")  # raises rather than go to the network
    nltk.data.find("corpora/stopwords")
    from pinecone_text.sparse import BM25Encoder

    def fit(texts: list[str]) -> object:
        with contextlib.redirect_stderr(io.StringIO()):  # a progress bar
            return BM25Encoder(language=language).fit(texts)

    return fit


MAKERS: dict[str, Callable[[str], Encode]] = {
    "qdrant_edge.Bm25": qdrant_edge,
    "FastEmbed Bm25": fastembed,
    "bm25s.tokenize": bm25s,
    "HashingVectorizer": hashing_vectorizer,
}

FITS: dict[str, Callable[[str], Encode]] = {"pinecone-text BM25Encoder.fit": pinecone_text}
"""What counts a corpus, and makes no vectors of it."""
