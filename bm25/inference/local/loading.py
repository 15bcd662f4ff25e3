"""FastEmbed's models from a folder or its cache; errors name the files that are missing and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from bm25.errors import Bm25ConfigError, MissingExtraError
from bm25.inference.settings import FastEmbedModel

__all__ = ["load"]

_CLASSES = {
    "text": "TextEmbedding",
    "image": "ImageEmbedding",
    "sparse-text": "SparseTextEmbedding",
    "multivector-text": "LateInteractionTextEmbedding",
}
_POOLINGS = {"mean": "MEAN", "cls": "CLS", "last-token": "LAST_TOKEN", "none": "DISABLED"}
_DEFAULT_FILE = "onnx/model.onnx"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
_OPTIONAL_FILES = ("config.json", "special_tokens_map.json")
_IMAGE_FILES = ("preprocessor_config.json",)


def load(settings: FastEmbedModel) -> Any:
    """Return a model of FastEmbed, ready to run. Nothing is fetched unless the settings say so.

    Args:
        settings: which model, and where its files are.

    Raises:
        MissingExtraError: FastEmbed is not installed.
        Bm25ConfigError: FastEmbed does not know the model, files are missing or damaged, or settings
            contradict each other.
    """
    _check(settings)
    fastembed = _fastembed(settings.model)
    family = getattr(fastembed, _CLASSES[settings.input])
    known = _custom(settings, family) if settings.pooling is not None else settings.model
    description = _description(settings, family, known)
    if settings.path is not None:
        _check_folder(settings, settings.path, description)
    arguments: dict[str, Any] = {"threads": settings.threads}
    if settings.path is not None:
        # FastEmbed makes the cache folder that it is told, or a default one; this one is there already.
        arguments |= {"specific_model_path": settings.path, "cache_dir": settings.path}
    else:
        arguments |= {"cache_dir": settings.cache, "local_files_only": not settings.download}
    try:
        return family(known, **arguments)
    except Exception as error:
        # ValueError, OSError, and what ONNX Runtime raises for a damaged file, which derives from neither.
        raise Bm25ConfigError(
            f"{settings.model!r} cannot be loaded from {_place(settings)}: "
            f"{type(error).__name__}: {str(error).rstrip('.')}. {_advice(settings, description)}"
        ) from error


def _check(settings: FastEmbedModel) -> None:
    if settings.path is not None and (settings.download or settings.cache is not None):
        other = "download = true" if settings.download else "cache"
        raise Bm25ConfigError(f"path and {other} contradict each other: path has all files; drop one")
    if settings.pooling is None:
        for field in ("normalize", "model_file", "additional_files"):
            if getattr(settings, field) not in (None, []):
                raise Bm25ConfigError(
                    f"{field} is for a model that FastEmbed does not list, and needs pooling with it"
                )
    elif settings.input != "text":
        raise Bm25ConfigError(f'pooling is for input = "text" only, got input = {settings.input!r}')
    if settings.input == "image" and (settings.query_prefix or settings.document_prefix):
        raise Bm25ConfigError("an image takes no query_prefix and no document_prefix")
    if settings.input == "sparse-text" and settings.dimensions is not None:
        raise Bm25ConfigError("dimensions is for dense vectors; a sparse model has none")


def _fastembed(model: str) -> ModuleType:
    try:
        import fastembed
    except ImportError as error:
        raise MissingExtraError(
            f"the model {model!r} needs the package fastembed: pip install bm25-engine[fastembed]"
        ) from error
    return fastembed


def _custom(settings: FastEmbedModel, family: Any) -> str:
    """Register a model that FastEmbed does not list; return the name that it is registered under."""
    from fastembed.common.model_description import ModelSource, PoolingType

    pooling = PoolingType.__members__.get(_POOLINGS[settings.pooling or ""])
    if pooling is None:
        raise Bm25ConfigError(f"pooling: the FastEmbed installed has no {settings.pooling!r}; upgrade it")
    normalize = settings.normalize is not False
    file = settings.model_file or _DEFAULT_FILE
    # FastEmbed's list is one for the whole process. A name that has the whole definition in it lets two
    # definitions of a model stand side by side, and the same one be registered again.
    name = f"{settings.model}#{','.join([pooling.value, str(normalize), file, *settings.additional_files])}"
    if name.lower() not in (each["model"].lower() for each in family.list_supported_models()):
        family.add_custom_model(
            model=name, pooling=pooling, normalization=normalize, sources=ModelSource(hf=settings.model),
            dim=settings.dimensions or 0, model_file=file, additional_files=settings.additional_files,
        )  # fmt: skip
    return name


def _description(settings: FastEmbedModel, family: Any, known: str) -> Mapping[str, Any]:
    listed = {each["model"].lower(): each for each in family.list_supported_models()}
    description: Mapping[str, Any] | None = listed.get(known.lower())
    if description is None:
        near = get_close_matches(known.lower(), listed, n=1)
        meant = f" (did you mean {listed[near[0]]['model']!r}?)" if near else ""
        custom = "; for one that FastEmbed does not list, set pooling" if settings.input == "text" else ""
        raise Bm25ConfigError(
            f"model: FastEmbed's {family.__name__} does not list {known!r}{meant}. "
            f"{family.__name__}.list_supported_models() has what it does list{custom}"
        )
    return description


def _needed(settings: FastEmbedModel, description: Mapping[str, Any]) -> list[str]:
    files = [description["model_file"], *description["additional_files"]]
    if settings.input == "image":
        files.extend(_IMAGE_FILES)
    elif description["model_file"].endswith(".onnx"):
        files.extend(_TOKENIZER_FILES)
    return files


def _check_folder(settings: FastEmbedModel, path: str, description: Mapping[str, Any]) -> None:
    folder = Path(path)
    if not folder.is_dir():
        raise Bm25ConfigError(f"path: {path!r} is no folder. {_advice(settings, description)}")
    missing = [file for file in _needed(settings, description) if not (folder / file).is_file()]
    if missing:
        raise Bm25ConfigError(
            f"the files of {settings.model!r} in {path!r} lack {', '.join(missing)}. "
            f"{_advice(settings, description)}"
        )


def _place(settings: FastEmbedModel) -> str:
    if settings.path is not None:
        return repr(settings.path)
    from fastembed.common.utils import define_cache_dir

    return f"the cache {str(define_cache_dir(settings.cache))!r}"


def _advice(settings: FastEmbedModel, description: Mapping[str, Any]) -> str:
    files = _needed(settings, description)
    if settings.input != "image":
        files += _OPTIONAL_FILES
    repository = description["sources"]["hf"]
    command = f"hf download {repository} {' '.join(files)}"
    if settings.path is not None:
        return f"To put its files there: {command} --local-dir {settings.path}"
    if settings.download:
        return "Is there a network, and is HF_HUB_OFFLINE unset? Else put its files in a folder and set path"
    folder = _place(settings).removeprefix("the cache ")
    return (
        "This server fetches nothing unless it is told to. Set download = true; or fetch the files ahead: "
        f"{command} --cache-dir {folder}; or set path to a folder that has them"
    )
