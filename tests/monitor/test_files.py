from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from monitor.errors import SinkError
from monitor.files import check_replaceable, check_writable, claim, part_of, write_whole


def test_a_file_is_written_whole_and_nothing_else_stays(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.json", b"one")
    write_whole(tmp_path / "a.json", b"two")
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"two"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_whole(path, b"old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(SinkError, match=r"a\.bin") as caught:
            write_whole(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "ulimit" in caught.value.hint
    assert path.read_bytes() == b"old"
    assert not part_of(path).exists()


def test_links_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.json").symlink_to("real/a.json")
    for text in (b"one", b"two"):
        write_whole(tmp_path / "link.json", text)
        assert (tmp_path / "link.json").is_symlink()
        assert (tmp_path / "real" / "a.json").read_bytes() == text
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(tmp_path / "pipe", b"three")
        assert os.read(reader, 10) == b"three"
        assert (tmp_path / "pipe").is_fifo()
        check_replaceable(tmp_path / "pipe")
        assert (tmp_path / "pipe").is_fifo()
    finally:
        os.close(reader)


def test_a_pipe_without_a_name_is_written_to(tmp_path: Path) -> None:
    """As of a shell's `--summary >(jq)`, or /dev/stdout in front of a pipe."""
    reading, writing = os.pipe()
    try:
        path = Path(f"/dev/fd/{writing}")
        check_replaceable(path)
        write_whole(path, b"four")
        assert os.read(reading, 10) == b"four"
    finally:
        os.close(reading)
        os.close(writing)


def test_what_is_replaced_needs_a_folder_to_be_made_in(tmp_path: Path) -> None:
    (tmp_path / "s.json.part").mkdir()
    (tmp_path / "s.json").write_text("old")
    with pytest.raises(SinkError):
        check_replaceable(tmp_path / "s.json")
    check_writable(tmp_path / "s.json")


def test_claiming_makes_folders(tmp_path: Path) -> None:
    part = claim(tmp_path / "new" / "deep" / "a.mp4")
    assert part.exists()
    assert part.parent == tmp_path / "new" / "deep"


def test_what_cannot_be_claimed_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError) as caught:
        claim(tmp_path / "file" / "a.mp4")
    assert caught.value.hint
    with pytest.raises(SinkError) as caught:
        claim(tmp_path)
    assert "folder" in caught.value.hint
    with pytest.raises(SinkError):
        claim(Path("/proc/nowhere/a.mp4"))


def test_to_ask_whether_a_file_can_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("kept")
    for name in ("old", "new", "folder/new"):
        check_writable(tmp_path / name)
    assert (tmp_path / "old").read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "old"]
    for name in ("folder", "old/below"):
        with pytest.raises(SinkError):
            check_writable(tmp_path / name)
