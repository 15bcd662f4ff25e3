"""An embedded Qdrant collection of BM25 vectors: no server, one directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from bm25.engine import qdrant_edge
from bm25.errors import Bm25InputError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bm25.sparse import SparseVectors

__all__ = ["EdgeCollection", "Hit"]

VECTOR_NAME = "bm25"
_UPSERT_POINTS = 1000


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of a search, with the payload it was stored with."""

    id: int | str
    score: float
    payload: dict[str, Any] = field(default_factory=dict)


class EdgeCollection:
    """A collection with one sparse vector, "bm25", under the IDF modifier.

    The inverse document frequency is Qdrant's: computed by the engine at search time. Close the
    collection, or use it in a ``with`` statement, to have everything on disk.
    """

    def __init__(self, shard: Any) -> None:
        """Wrap an open `qdrant_edge.EdgeShard`; see `create` and `open`."""
        self._shard = shard
        self._closed = False

    @classmethod
    def create(cls, path: str | PathLike[str]) -> EdgeCollection:
        """Create a collection in a directory that is new or empty.

        Raises:
            Bm25InputError: the directory has files in it, or cannot be written.
            MissingExtraError: qdrant-edge is not installed.
        """
        engine = qdrant_edge("the embedded Qdrant")
        directory = Path(path)
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise Bm25InputError(f"{directory}: is not an empty directory; name a new one")
        params = engine.EdgeSparseVectorParams(modifier=engine.Modifier.Idf)
        config = engine.EdgeConfig(sparse_vectors={VECTOR_NAME: params})
        try:
            directory.mkdir(parents=True, exist_ok=True)
            return cls(engine.EdgeShard.create(fspath(path), config))
        except Exception as error:  # the engine raises plain exceptions
            raise Bm25InputError(f"{directory}: a collection cannot be created: {error}") from None

    @classmethod
    def open(cls, path: str | PathLike[str]) -> EdgeCollection:
        """Open a collection that `create` made."""
        try:
            return cls(qdrant_edge("the embedded Qdrant").EdgeShard.load(fspath(path)))
        except MissingExtraError:
            raise
        except Exception as error:
            raise Bm25InputError(f"{fspath(path)}: not a collection that can be opened: {error}") from None

    def __len__(self) -> int:
        return int(self._shard.info().points_count)

    def upsert(
        self,
        ids: Sequence[int | str],
        vectors: SparseVectors,
        payloads: Sequence[dict[str, Any]] | None = None,
    ) -> None:
        """Store points, replacing those whose id exists; three sequences of one length.

        A null or empty vector is stored as a point without a vector, which no search finds and
        which does not count in the inverse document frequency.

        Raises:
            Bm25InputError: the lengths differ, or the idf is multiplied into the vectors already
                (`CorpusStatistics.apply_idf`): the modifier would square it.
        """
        if vectors.idf is not None:
            raise Bm25InputError(
                f"the idf ({vectors.idf}) is multiplied into these vectors, and this collection has the IDF "
                "modifier, which would square it; store vectors as the encoder makes them"
            )
        if len(ids) != len(vectors) or (payloads is not None and len(ids) != len(payloads)):
            counts = f"{len(ids)} ids, {len(vectors)} vectors"
            raise Bm25InputError(f"{counts}{'' if payloads is None else f', {len(payloads)} payloads'}")
        engine = qdrant_edge("the embedded Qdrant")
        for start in range(0, len(ids), _UPSERT_POINTS):
            stop = min(start + _UPSERT_POINTS, len(ids))
            points = [
                engine.Point(ids[i], _vector(engine, vectors, i), payloads[i] if payloads else None)
                for i in range(start, stop)
            ]
            self._shard.update(engine.UpdateOperation.upsert_points(points))

    def optimize(self) -> None:
        """Build the index of what was stored, and write everything to disk."""
        self._shard.optimize()
        self._shard.flush()

    def search(
        self,
        indices: npt.NDArray[np.uint32],
        values: npt.NDArray[np.float32],
        *,
        limit: int = 10,
        filter: Any = None,
        idf_corpus: Any = None,
    ) -> list[Hit]:
        """Return the best hits for a query vector, best first; an empty vector finds nothing.

        Args:
            indices: uint32 term ids, distinct.
            values: float32 weights.
            limit: at most so many.
            filter: a `qdrant_edge.Filter` of points that may be found; None for all.
            idf_corpus: a `qdrant_edge.Filter` of points over which idf is computed, whatever may be found:
                those of a tenant, say. None for all points.
        """
        if not len(indices):
            return []
        engine = qdrant_edge("the embedded Qdrant")
        vector = engine.SparseVector(indices.tolist(), values.tolist())
        params = None
        if idf_corpus is not None:
            params = engine.SearchParams(idf=engine.IdfParams(idf_corpus))
        points = self._shard.query(
            engine.QueryRequest(
                limit=limit,
                query=engine.Query.Nearest(vector, using=VECTOR_NAME),
                filter=filter,
                params=params,
                with_payload=True,
            )
        )
        return [Hit(point.id, point.score, point.payload or {}) for point in points]

    def close(self) -> None:
        """Write what is pending and release the directory."""
        if not self._closed:
            self._closed = True
            self._shard.close()

    def __enter__(self) -> EdgeCollection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _vector(engine: Any, vectors: SparseVectors, i: int) -> dict[str, Any]:
    indices, values = vectors[i]
    return {VECTOR_NAME: engine.SparseVector(indices.tolist(), values.tolist())} if len(indices) else {}
