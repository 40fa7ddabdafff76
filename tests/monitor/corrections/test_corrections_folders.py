"""A folder is replaced by a whole one, or stays what it was."""

import os
import shutil

import pytest

from monitor.corrections.folders import made_whole
from monitor.errors import SinkError


@pytest.fixture
def folder(tmp_path):
    """With an older export in it."""
    (tmp_path / "out/pictures").mkdir(parents=True)
    (tmp_path / "out/pictures/old.jpg").write_bytes(b"old")
    return tmp_path / "out"


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_the_new_takes_the_place_of_the_old_and_nothing_else_is_left(folder, tmp_path):
    with made_whole(folder) as part:
        (part / "new.jpg").write_bytes(b"new")
        assert names(folder) == ["old.jpg", "pictures"]
    assert names(tmp_path) == ["new.jpg", "out"]


def test_what_cannot_be_put_in_place_leaves_the_old_as_it_was(folder, tmp_path):
    with pytest.raises(SinkError, match="cannot write"), made_whole(folder) as part:
        shutil.rmtree(part)  # as if somebody had cleaned up
    assert names(tmp_path) == ["old.jpg", "out", "pictures"]


def test_where_a_link_leads_to_is_replaced(folder, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(folder)
    with made_whole(link) as part:
        (part / "new.jpg").write_bytes(b"new")
    assert link.is_symlink()
    assert names(folder) == ["new.jpg"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root deletes everything")
def test_an_old_one_that_cannot_be_deleted_does_not_cost_the_new_one(folder, tmp_path):
    (folder / "pictures").chmod(0o555)
    with pytest.raises(SinkError, match="new and whole, but") as told, made_whole(folder) as part:
        (part / "new.jpg").write_bytes(b"new")
    assert names(folder) == ["new.jpg"]
    (left,) = tmp_path.glob(".out.*.old")
    assert str(left) in told.value.hint
    (left / "pictures").chmod(0o755)
    assert names(left) == ["old.jpg", "pictures"]
