"""The idf multiplied into vectors, for collections without the IDF modifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bm25.analysis.languages import nearest
from bm25.errors import Bm25InputError

if TYPE_CHECKING:
    from bm25.sparse import SparseVectors
    from bm25.statistics import CorpusStatistics

__all__ = ["apply_idf", "require_no_idf_modifier"]


def require_no_idf_modifier(client: Any, collection_name: str, vector_name: str) -> None:
    """Make sure that a collection does not multiply the idf in by itself.

    Args:
        client: a `qdrant_client.QdrantClient`, of a server or in local mode.
        collection_name: an existing collection.
        vector_name: the name of its sparse vector.

    Raises:
        Bm25InputError: the sparse vector has ``modifier: idf``, or there is none of that name.
        Exception: what the client raises where it cannot reach the collection.
    """
    vectors = client.get_collection(collection_name).config.params.sparse_vectors or {}
    if vector_name not in vectors:
        raise Bm25InputError(
            f"collection {collection_name!r} has no sparse vector {vector_name!r}"
            f"{nearest(vector_name, list(vectors))}; it has {', '.join(map(repr, vectors)) or 'none'}"
        )
    if vectors[vector_name].modifier == "idf":  # an enumeration of strings, or None
        raise Bm25InputError(
            f"sparse vector {vector_name!r} of collection {collection_name!r} has modifier idf: Qdrant "
            "multiplies the idf in itself, so with vectors that have it already it would be squared. Store "
            "and search vectors as the encoder makes them, or use a sparse vector without a modifier"
        )


def apply_idf(
    client: Any,
    collection_name: str,
    vector_name: str,
    statistics: CorpusStatistics,
    vectors: SparseVectors,
    *,
    formula: str = "qdrant",
) -> SparseVectors:
    """Return vectors with the idf multiplied in, for a collection that does not do that itself.

    As `CorpusStatistics.apply_idf`, after `require_no_idf_modifier`. Either of documents or of queries,
    never both.

    Raises:
        Bm25InputError: the collection has the modifier, or these vectors have the idf already.
    """
    require_no_idf_modifier(client, collection_name, vector_name)
    return statistics.apply_idf(vectors, formula=formula)
