"""What the configuration says of models and providers; checked strictly, with errors that name the place."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = ["BUILT_IN", "Bm25Model", "CompatibleModel", "FastEmbedModel", "ModelSettings", "ProviderSettings"]


BUILT_IN = ("bm25", "qdrant/bm25")
"""Qdrant's own names of its BM25 model, understood in any case; always there, with its exact vectors."""


class _Strict(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Unknown names are errors."""


class Bm25Model(_Strict, frozen=True, tag_field="type", tag="bm25"):
    """A BM25 model.

    Attributes:
        options: of `Bm25Config`.
        preset: what they are laid over: Qdrant's defaults, or the recommended ones.
        statistics: the path of a statistics store, whose current epoch gives avg_len.
        allowed_options: names of options that a request may override; None for all.
    """

    options: dict[str, object] = {}
    preset: Literal["qdrant", "tuned"] = "qdrant"
    statistics: str | None = None
    allowed_options: list[str] | None = []


class CompatibleModel(_Strict, frozen=True, tag_field="type", tag="openai-compatible"):
    """A dense model behind any server that speaks OpenAI's /v1/embeddings: TEI, Ollama, vLLM, LM Studio.

    Attributes:
        base_url: what comes before `/embeddings`, such as `http://127.0.0.1:11434/v1`.
        model: what the server calls it.
        key_header: the request header, or option, that holds the server's key; its name ends in `-api-key`.
            None for servers that want none.
        query_prefix, document_prefix: what is put before texts, for models such as E5.
        timeout: seconds for one call upstream.
        max_batch: inputs in one call upstream.
        max_connections: to the server at once.
        retries: of a call that failed with 429, 5xx or a broken connection.
    """

    base_url: str
    model: str
    key_header: str | None = None
    query_prefix: str = ""
    document_prefix: str = ""
    timeout: float = 60.0
    max_batch: int = 32
    max_connections: int = 32
    retries: int = 2


class FastEmbedModel(_Strict, frozen=True, tag_field="type", tag="fastembed"):
    """A model that FastEmbed runs in this process.

    Attributes:
        model: FastEmbed's name of it; with `pooling`, its repository on the model hub.
        input: what it reads and yields: one dense vector for a text or an image, a sparse vector for a text,
            or a dense vector for each token of a text.
        path: a folder with the model's files; None for FastEmbed's cache.
        cache: FastEmbed's cache folder; None for its default.
        download: whether files that are missing in the cache may be fetched from the model hub.
        pooling: how vectors of tokens become that of a text, for a model that FastEmbed does not list; `none`
            where the ONNX graph does that itself. None for a model that it lists.
        normalize: whether vectors get length 1; with `pooling` only, where None is true.
        model_file: the ONNX file within the folder; with `pooling` only, where None is `onnx/model.onnx`.
        additional_files: others that it needs, such as `onnx/model.onnx_data`; with `pooling` only.
        dimensions: how long its vectors have to be, checked when it is loaded; None for any.
        query_prefix, document_prefix: what is put before texts.
        threads: of the ONNX runtime; None for its default.
        max_batch: inputs in one run.
    """

    model: str
    input: Literal["text", "image", "sparse-text", "multivector-text"] = "text"
    path: str | None = None
    cache: str | None = None
    download: bool = False
    pooling: Literal["mean", "cls", "last-token", "none"] | None = None
    normalize: bool | None = None
    model_file: str | None = None
    additional_files: list[str] = []
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None
    query_prefix: str = ""
    document_prefix: str = ""
    threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_batch: Annotated[int, msgspec.Meta(ge=1)] = 32


ModelSettings = Bm25Model | CompatibleModel | FastEmbedModel


class ProviderSettings(_Strict, frozen=True):
    """A provider that requests may use; a table for it, even an empty one, switches it on.

    Attributes:
        base_url: instead of the provider's own, for a proxy or a gateway: scheme, host and what comes before
            the endpoint's path.
        timeout: seconds for one call upstream.
        max_batch: inputs in one call; None for the provider's own limit.
        max_connections: to the provider at once.
        retries: of a call that failed with 429, 5xx or a broken connection.
    """

    base_url: str | None = None
    timeout: float = 60.0
    max_batch: int | None = None
    max_connections: int = 32
    retries: int = 2
