"""Who may import whom, read from the source; and what importing and using the package loads."""

import ast
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import bm25

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bm25"

# A module may import from its own line and from the lines above it. A folder is named as a whole.
LAYERS = [
    ["errors"],
    ["display", "hashing", "wordlists", "analysis.languages", "analysis.unicode"],
    ["plugins"],
    ["options"],
    ["config"],
    ["engine", "schema", "idf"],
    ["kernels"],
    ["analysis"],
    ["rows", "inputs", "accumulator"],
    ["term_rows"],
    ["terms"],
    ["csr", "counts", "sparse"],
    ["vocabulary"],
    ["counter", "singles"],
    ["multilingual"],
    ["encoder"],
    ["statistics"],
    ["explain"],
    ["store"],
    ["evaluation", "oracles"],
    ["verification"],
    ["files", "demo_corpus"],
    ["qdrant"],
    ["integrations"],
    ["inference"],
    ["server"],
    ["cli"],
    ["__main__"],
]
CORE = LAYERS[: LAYERS.index(["store"]) + 1]

# What the core may import from elsewhere, at the top of a module or in a function.
REQUIRED = {
    "numpy": None,
    "pyarrow": None,
    "numba": ["kernels"],
    "llvmlite": ["kernels"],
    "py_rust_stemmers": ["analysis"],
    "scipy": ["rows", "statistics"],
    "qdrant_client": ["sparse"],
    "qdrant_edge": ["engine"],  # the one optional package, and the one module that may ask for it
}
HEAVY = {
    "scipy",
    "qdrant_client",
    "qdrant_edge",
    "py_rust_stemmers",
    "llvmlite",
}  # imported in functions only


def modules():
    found = {}
    for path in sorted(PACKAGE.glob("**/*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = path
    return found


MODULES = modules()


def imports(path):
    """(imported module, whether that happens when the module itself is imported) for every import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []

    def visit(node, at_top):
        if isinstance(node, ast.Import):
            found.extend((alias.name, at_top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            # `from bm25.kernels import scan` names a module, `from bm25.errors import Bm25Error` does not.
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.append((inner if inner.removeprefix("bm25.") in MODULES else node.module, at_top))
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for child in node.body:
                visit(child, False)
            for child in node.orelse:
                visit(child, at_top)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                visit(child, at_top and not inside)

    visit(tree, True)
    return found


def covers(name, module):
    return module == name or module.startswith(f"{name}.")


def layer(module):
    # The longest name counts: `analysis.languages` stands above `analysis`.
    matches = [(len(name), i) for i, names in enumerate(LAYERS) for name in names if covers(name, module)]
    return max(matches)[1] if matches else None


def is_core(module):
    return layer(module) is not None and layer(module) < len(CORE)


inner_modules = pytest.mark.parametrize("module", [name for name in MODULES if name != "__init__"])


@inner_modules
def test_every_module_has_its_layer(module):
    assert layer(module) is not None, f"give bm25.{module} a place in LAYERS"


@inner_modules
def test_modules_import_from_above_only(module):
    for name, _ in imports(MODULES[module]):
        if name == "bm25" or not covers("bm25", name):
            continue
        imported = name.removeprefix("bm25.")
        assert layer(imported) is not None, f"bm25.{module} imports {name}, which is not there"
        assert layer(imported) <= layer(module), f"bm25.{module} imports {name}, which stands below it"


@pytest.mark.parametrize("module", [name for name in MODULES if is_core(name)])
def test_the_core_imports_no_optional_dependency(module):
    for name, at_top in imports(MODULES[module]):
        root = name.split(".")[0]
        if root in sys.stdlib_module_names or root == "bm25":
            continue
        assert root in REQUIRED, f"bm25.{module} imports {name}"
        allowed = REQUIRED[root]
        assert allowed is None or any(covers(one, module) for one in allowed), f"bm25.{module} imports {name}"
        assert not (at_top and root in HEAVY), f"bm25.{module} imports {name} at the top"


@pytest.mark.parametrize("module", [name for name in MODULES if covers("kernels", name)])
def test_kernels_know_nothing_of_the_package(module):
    inner = {name for name, _ in imports(MODULES[module]) if covers("bm25", name)}
    assert all(covers("bm25.kernels", name) for name in inner)


@pytest.mark.parametrize("module", [name for name in MODULES if covers("analysis", name)])
def test_analysis_is_plain_python(module):
    roots = {name.split(".")[0] for name, _ in imports(MODULES[module])}
    assert not roots & {"numba", "llvmlite", "numpy", "pyarrow"}


@inner_modules
def test_the_core_is_not_imported_through_its_front_door(module):
    # `from bm25 import X` in the core would be a cycle.
    if is_core(module):
        assert "bm25" not in {name for name, _ in imports(MODULES[module])}


def test_the_checks_see_what_they_look_for():
    assert ("numba", True) in imports(MODULES["kernels.jit"])
    assert ("scipy.sparse", False) in imports(MODULES["rows"])
    assert ("bm25.kernels.scan", True) in imports(MODULES["counter"])
    assert ("bm25.csr", False) in imports(MODULES["encoder"])
    assert layer("analysis.languages") < layer("config") < layer("analysis.analyzer")
    assert is_core("store")
    assert not is_core("files.reader")


# What is loaded

LOADED = """
    import json, sys
    steps = {}
    def step(name):
        steps[name] = sorted({module.split(".")[0] for module in sys.modules} & WATCHED)
    WATCHED = {
        "numba", "llvmlite", "numpy", "scipy", "pyarrow", "pandas", "polars", "qdrant_client", "qdrant_edge",
        "grpc", "pydantic", "httpx", "tqdm", "msgspec", "starlette", "uvicorn", "orjson", "structlog",
        "snowballstemmer", "py_rust_stemmers", "torch",
    }
    import bm25
    step("import")
    bm25.Bm25Config(language="german")
    step("config")
    import bm25.cli.main
    step("command line")
    encoder = bm25.Bm25Encoder(threads=2)
    step("encoder")
    assert len(encoder.encode_query("a dog")[0]) == 1
    step("query")
    encoder.encode_documents(["a dog", None])
    encoder.count_documents(["a dog"])
    list(encoder.encode_batches(["a dog"]))
    step("documents")
    print(json.dumps(steps))
"""


@pytest.fixture(scope="module")
def loaded():
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(LOADED)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return {name: set(modules) for name, modules in json.loads(result.stdout).items()}


@pytest.mark.parametrize("step", ["import", "config", "command line"])
def test_what_needs_nothing_loads_nothing(loaded, step):
    assert loaded[step] == set()


def test_a_query_loads_no_compiler_and_no_arrow(loaded):
    assert loaded["encoder"] <= {"numpy"}
    assert loaded["query"] == {"numpy", "py_rust_stemmers"}


def test_documents_load_no_optional_dependency(loaded):
    # Numba loads SciPy where that is installed.
    assert loaded["documents"] <= {"numpy", "scipy", "pyarrow", "numba", "llvmlite", "py_rust_stemmers"}


def test_public_names():
    assert bm25.__all__ == sorted(bm25.__all__)
    assert set(bm25.__all__) == set(bm25._HOMES)
    assert set(bm25.__all__) <= set(dir(bm25))
    for name in bm25.__all__:
        assert getattr(bm25, name).__module__ == bm25._HOMES[name]
    with pytest.raises(AttributeError, match="module 'bm25' has no attribute 'nothing'"):
        bm25.nothing
