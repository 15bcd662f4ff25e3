import pytest

from bm25.cli.staging import new_directory
from bm25.errors import StoreError
from tests.cli.stores import left_in


def test_it_appears_when_it_is_complete(tmp_path):
    with new_directory(str(tmp_path / "new")) as staged:
        staged.mkdir()
        (staged / "file").write_text("content")
        assert not (tmp_path / "new").exists()
    assert left_in(tmp_path) == ["new"]
    assert (tmp_path / "new" / "file").read_text() == "content"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_of_what_fails(tmp_path, error):
    def fail():
        with new_directory(str(tmp_path / "new")) as staged:
            staged.mkdir()
            (staged / "file").write_text("content")
            raise error

    with pytest.raises(error):
        fail()
    assert left_in(tmp_path) == []


def test_a_name_that_is_taken_is_refused_before_and_after(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="is there already"), new_directory(str(tmp_path / "link")):
        pass

    def too_late():
        with new_directory(str(tmp_path / "new")) as staged:
            staged.mkdir()
            (tmp_path / "new").mkdir()
            (tmp_path / "new" / "theirs").touch()

    with pytest.raises(StoreError, match="new: cannot be made"):
        too_late()
    assert left_in(tmp_path) == ["link", "new"]
    assert left_in(tmp_path / "new") == ["theirs"]


def test_errors_have_the_name_that_was_asked_for(tmp_path):
    def fail():
        with new_directory(str(tmp_path / "new")) as staged:
            raise StoreError(f"{staged}/file: cannot be written")

    with pytest.raises(StoreError, match=f"^{tmp_path}/new/file: cannot be written"):
        fail()


def test_the_folder_that_is_missing_is_named(tmp_path):
    with (
        pytest.raises(StoreError, match="no: no such directory"),
        new_directory(str(tmp_path / "no" / "new")),
    ):
        pass
