"""The cache of compiled code, in copies of the package and in processes of their own."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from numba import config

from bm25.kernels import jit

ROOT = Path(__file__).resolve().parents[2]

# Root may write everywhere, by a capability that a process can give up before it runs something else.
UNPRIVILEGED = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
if os.getuid() == 0 and ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0):
    sys.exit("root, and cannot give up its rights")
os.execv(sys.argv[1], sys.argv[1:])
"""

pytestmark = pytest.mark.skipif(
    bool(config.DISABLE_JIT) or not hasattr(os, "setuid"), reason="nothing is compiled, or not a Unix"
)

# Calls two kernels and tells how each came by its code.
PROBE = """
import json, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import numpy as np
    from bm25.kernels.weigh import weigh_documents, weigh_queries
    values = np.empty(2, np.float32)
    weigh_queries(np.array([1, 2], np.uint32), 8.0, values)
    if {both}:
        weigh_documents(
            np.array([0, 1]), np.array([1], np.uint32), np.array([1], np.uint32),
            1.2, 0.75, 256.0, values[1:].copy(),
        )
stats = weigh_queries.stats
print(json.dumps(dict(
    values=values.tolist(), path=stats.cache_path, hits=sum(stats.cache_hits.values()),
    misses=sum(stats.cache_misses.values()),
    warnings=[w.category.__name__ for w in caught if "bm25" in str(w.message)],
)))
"""


class Installation:
    """A copy of the package without any compiled code, and a home that may be written."""

    def __init__(self, root):
        self.root = root
        shutil.copytree(ROOT / "bm25", root / "bm25", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "stopwords", root / "stopwords")
        self.home = root / "home"
        self.home.mkdir()
        self.home.chmod(0o777)
        self.cache = root / "bm25" / "kernels" / "__pycache__"

    def start(self, *, both=False, before="", **environment):
        kept = {
            name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ
        }
        code = before + PROBE.replace("{both}", str(both))
        return subprocess.Popen(
            [sys.executable, "-c", UNPRIVILEGED, sys.executable, "-c", code],
            env={"HOME": "/proc/nonexistent", **kept, "PYTHONPATH": str(self.root), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.root,
        )

    def run(self, **options):
        return finish(self.start(**options))

    def protect(self):
        """Make the package unwritable."""
        for path in [self.root / "bm25", *self.root.glob("bm25/**/*")]:
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)

    def warm(self):
        """Compile one kernel, as the build of an image would, and make the package unwritable."""
        assert self.run()["misses"] == 1
        self.protect()

    def entries(self, pattern):
        return sorted(self.cache.glob(pattern))


def finish(process):
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    result = json.loads(out.splitlines()[-1])
    assert result.pop("values") == [1.0, pytest.approx(1.8)]
    return result


@pytest.fixture
def installation(tmp_path):
    yield Installation(tmp_path)
    for path in tmp_path.glob("**/"):
        path.chmod(0o700)


@pytest.fixture
def unwritable(installation):
    """An installation, to be made unwritable, that the processes it starts then really cannot write."""
    code = "import os; os.close(os.open('probe', os.O_CREAT | os.O_WRONLY))"
    folder = installation.root / "unwritable"
    folder.mkdir(mode=0o555)
    probe = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if b"PermissionError" not in probe.stderr:
        pytest.skip(f"processes can write everywhere: {probe.stderr.decode()}")
    return installation


def test_code_is_kept_beside_the_package_and_used_again(installation):
    assert installation.run() == {"path": str(installation.cache), "hits": 0, "misses": 1, "warnings": []}
    assert installation.run() == {"path": str(installation.cache), "hits": 1, "misses": 0, "warnings": []}


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_a_package_that_cannot_be_written_uses_the_cache_of_the_user(unwritable, variable):
    unwritable.protect()
    folder = unwritable.home / ".cache" if variable == "HOME" else unwritable.home
    options = {variable: str(unwritable.home)}
    expected = {"path": str(folder / "bm25-kernels"), "warnings": []}
    assert unwritable.run(**options) == {**expected, "hits": 0, "misses": 1}
    if variable == "HOME":
        assert unwritable.run(**options) == {**expected, "hits": 1, "misses": 0}


def test_where_nothing_can_be_written_it_works_with_one_warning(unwritable):
    unwritable.protect()
    result = unwritable.run(both=True)
    assert result == {"path": None, "hits": 0, "misses": 1, "warnings": ["RuntimeWarning"]}


def test_a_user_without_a_home(monkeypatch, tmp_path):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(jit.Path, "home", no_home)
    monkeypatch.setattr(jit, "HERE", tmp_path)
    monkeypatch.setattr(jit.config, "CACHE_DIR", "")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    assert jit.cache_directory.__wrapped__() == tmp_path / "__pycache__"


def test_a_warmed_package_is_used_though_it_cannot_be_written(unwritable):
    unwritable.warm()
    expected = {"path": str(unwritable.cache), "hits": 1, "misses": 0, "warnings": []}
    # Nor does a user's folder that could be written take its place.
    assert unwritable.run(HOME=str(unwritable.home)) == expected


def test_a_kernel_that_a_read_only_cache_lacks_is_compiled_with_one_warning(unwritable):
    unwritable.warm()
    result = unwritable.run(both=True)  # HOME cannot be written either
    assert result == {"path": str(unwritable.cache), "hits": 1, "misses": 0, "warnings": ["RuntimeWarning"]}


def test_numba_cache_dir_comes_first(installation):
    folder = installation.home / "given"
    expected = {"path": str(folder / "bm25-kernels"), "warnings": []}
    assert installation.run(NUMBA_CACHE_DIR=str(folder)) == {**expected, "hits": 0, "misses": 1}
    assert installation.entries("*.nb?") == []


def test_two_versions_share_a_folder_and_neither_evicts_the_other(installation):
    folder = str(installation.home / "given")
    source = installation.root / "bm25" / "kernels" / "table.py"
    versions = [source.read_text(), source.read_text() + "# changed\n"]
    hits = []
    for version in (0, 1, 0):
        source.write_text(versions[version])
        hits.append(installation.run(NUMBA_CACHE_DIR=folder)["hits"])
    # Though `weigh` does not even import `table`: which helpers a kernel is made of is not tracked.
    assert hits == [0, 0, 1]


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "bm25" / "kernels").glob("*.py")))
def test_the_stamp_covers_every_source_file(tmp_path, monkeypatch, name):
    copy = tmp_path / "kernels"
    shutil.copytree(ROOT / "bm25" / "kernels", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(jit, "HERE", copy)
    before = jit.source_stamp.__wrapped__()
    assert before == jit.source_stamp.__wrapped__()
    with (copy / name).open("a") as file:
        file.write("# changed\n")
    assert jit.source_stamp.__wrapped__() != before


def test_the_stamp_covers_added_and_renamed_files(tmp_path, monkeypatch):
    copy = tmp_path / "kernels"
    copy.mkdir()
    monkeypatch.setattr(jit, "HERE", copy)
    stamps = {jit.source_stamp.__wrapped__()}
    (copy / "a.py").write_text("")
    stamps.add(jit.source_stamp.__wrapped__())
    (copy / "a.py").rename(copy / "b.py")
    stamps.add(jit.source_stamp.__wrapped__())
    assert len(stamps) == 3


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("*.nbc", lambda content: b"\x00garbage" * 100),
        ("*.nbi", lambda content: content[: len(content) // 2]),
        # What a machine that lost power leaves behind.
        ("*.nb?", lambda content: b""),
    ],
    ids=["code", "index", "empty"],
)
def test_a_damaged_file_is_compiled_again(installation, pattern, damage):
    installation.run()
    paths = installation.entries(pattern)
    assert paths
    for path in paths:
        path.write_bytes(damage(path.read_bytes()))
    again = installation.run()
    assert (again["hits"], again["warnings"]) == (0, [])
    if pattern == "*.nbi":
        assert installation.run() == {"path": str(installation.cache), "hits": 1, "misses": 0, "warnings": []}


def test_a_full_disk_is_one_warning(installation):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
    result = installation.run(before=limit, both=True)
    assert result["warnings"] == ["RuntimeWarning"]
    assert installation.run() == {"path": str(installation.cache), "hits": 0, "misses": 1, "warnings": []}


def test_two_processes_at_once(installation):
    first, second = installation.start(), installation.start()
    assert [finish(process)["warnings"] for process in (first, second)] == [[], []]
    assert installation.run() == {"path": str(installation.cache), "hits": 1, "misses": 0, "warnings": []}


def test_code_with_bounds_checks_is_not_taken_for_code_without(installation):
    # Numba does not keep the two apart, and either would silently stand for the other.
    assert installation.run(NUMBA_BOUNDSCHECK="1")["misses"] == 1
    assert installation.run() == {"path": str(installation.cache), "hits": 0, "misses": 1, "warnings": []}
