"""Recordings cut into pieces: every piece gives the same pictures at the same times as the whole, whatever the file."""

from __future__ import annotations

import calendar
import os
import shutil
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from monitor.errors import MediaError, MonitorError, SourceError, SourceNotFound
from monitor.sources import opening, recordings
from monitor.sources.files import VideoFile
from monitor.sources.recordings import Recording, scan, scan_pictures
from monitor.types import U8, Frame, Losses, Media, Span
from tests.videos import write_sound, write_video

COUNT = 60


def moving(count: int = COUNT) -> list[U8]:
    """Pictures of which each needs the one before it: a blurred noise that drifts, and a square that counts."""
    noise = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 255, (48, 400, 3)).astype(np.uint8), (5, 5), 0)
    pictures = [np.ascontiguousarray(noise[:, 3 * i : 3 * i + 64]) for i in range(count)]
    for i, picture in enumerate(pictures):
        picture[:8, :8] = 4 * i
    return pictures


def write_talk(path: Path) -> Path:
    """Pictures of H.264 with B-frames and sound between them."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"crf": "20", "g": "12", "bf": "2"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream("aac", rate=16000)
        for i, bgr in enumerate(moving()):
            out.mux(video.encode(av.VideoFrame.from_ndarray(bgr, "bgr24")))
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 640), np.float32), "fltp", "mono")
            samples.sample_rate, samples.pts, samples.time_base = 16000, 640 * i, Fraction(1, 16000)
            out.mux(sound.encode(samples))
        out.mux(video.encode())
        out.mux(sound.encode())
    return path


def film(name: str, **how: object) -> Callable[[Path], Path]:
    return lambda folder: write_video(folder / name, moving(), **how)  # type: ignore[arg-type]


UNEVEN = [3 + 0.04 * i + 0.013 * (i % 3) + (2.5 if i >= 31 else 0) for i in range(COUNT)]
B_FRAMES = {"crf": "20", "g": "12", "bf": "3", "b-adapt": "0"}
FILMS: dict[str, tuple[Callable[[Path], Path], bool]] = {
    "H.264 with B-frames": (film("b.mp4", options=B_FRAMES), True),
    "H.264, open groups": (film("open.mkv", options=B_FRAMES | {"x264-params": "open-gop=1:scenecut=0"}), True),
    "H.264, open groups in MP4": (film("open.mp4", options=B_FRAMES | {"x264-params": "open-gop=1:scenecut=0"}), True),
    "one keyframe": (film("long.mp4", options={"g": "500"}), True),
    "VP8": (film("8.webm", codec="libvpx", options={"g": "12", "b": "300k", "auto-alt-ref": "1"}), True),
    "VP9": (film("9.webm", codec="libvpx-vp9", options={"g": "12", "lag-in-frames": "10", "auto-alt-ref": "1"}), True),
    "MJPEG": (film("m.avi", codec="mjpeg", pix_fmt="yuvj420p"), True),
    "MPEG-4 in AVI": (film("4.avi", codec="mpeg4", options={"g": "12", "bf": "2"}), False),
    "H.264 in AVI": (film("b.avi", options=B_FRAMES), False),
    "uneven times, begins late": (film("vfr.mkv", times_s=UNEVEN, options=B_FRAMES), True),
    "turned": (film("turned.mp4", rotation=90, options=B_FRAMES), True),
    "sound": (lambda folder: write_talk(folder / "talk.mp4"), True),
    "transport stream": (film("a.ts", options=B_FRAMES), False),
    "GIF": (film("a.gif", codec="gif", pix_fmt="rgb8"), False),
}


def frames_of(source: Recording | VideoFile) -> list[Frame]:
    found = list(iter(lambda: source.read(1.0), None))
    source.close()
    return found  # type: ignore[return-value]


def same(one: Sequence[Frame], other: Sequence[Frame]) -> bool:
    return [f.t for f in one] == [f.t for f in other] and all(
        np.array_equal(a.bgr, b.bgr) for a, b in zip(one, other, strict=True)
    )


def whole(media: Media) -> list[Frame]:
    return frames_of(Recording(media, Span(0.0, media.length_s)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


@pytest.mark.parametrize("what", FILMS)
def test_pieces_give_what_the_whole_gives(folder: Path, what: str) -> None:
    make, splittable = FILMS[what]
    path = make(folder)
    media = scan(str(path))
    everything = whole(media)
    plain = frames_of(VideoFile(path))
    assert media.splittable is splittable
    assert media.frames == len(everything) == COUNT
    assert [f.index for f in everything] == list(range(COUNT))
    assert [f.t for f in everything] == pytest.approx([f.t for f in plain], abs=1e-5 if "AVI" in what else 1e-6)
    assert all(np.array_equal(a.bgr, b.bgr) for a, b in zip(everything, plain, strict=True))
    assert (media.height_px, media.width_px) == plain[0].bgr.shape[:2]
    if splittable or what == "GIF":
        assert everything[-1].t < media.length_s <= everything[-1].t + 0.2
    times = [f.t for f in everything]
    for cuts in ([times[12]], [times[24], times[25]], [times[7] + 1e-6, times[37] - 1e-6, times[59]], [0.031, 1.777]):
        edges = [0.0, *(t for t in cuts if t < media.length_s), media.length_s]
        losses = Losses()
        pieces = [frames_of(Recording(media, Span(*ab), losses)) for ab in pairwise(edges)]
        assert same([f for piece in pieces for f in piece], everything), f"cut at {cuts}"
        assert all([f.index for f in piece] == list(range(len(piece))) for piece in pieces)
        assert losses == Losses()


def test_what_a_scan_tells(folder: Path) -> None:
    path = write_talk(folder / "told.mp4")
    media = scan(str(path))
    assert (media.uri, media.name, media.kind) == (str(path), "told.mp4", "video")
    assert (media.format, media.codec, media.audio) == ("mov,mp4", "h264", "aac")
    assert (media.width_px, media.height_px, media.frames, media.fps) == (64, 48, COUNT, 25.0)
    assert media.length_s == pytest.approx(COUNT / 25)
    assert (media.bytes, media.modified) == (path.stat().st_size, path.stat().st_mtime)
    turned = scan(str(film("t.mp4", rotation=90)(folder)))
    assert (turned.width_px, turned.height_px, turned.audio) == (48, 64, None)
    one = scan(str(write_video(folder / "one.mp4", moving(1))))
    assert (one.frames, one.fps, one.length_s) == (1, 0.0, pytest.approx(0.04))


@pytest.mark.parametrize(
    ("said", "created"),
    [
        ("2021-03-04T05:06:07Z", float(calendar.timegm((2021, 3, 4, 5, 6, 7)))),
        ("1904-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("2090-01-01T00:00:00Z", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_a_moment_is_believed_only_where_it_can_be(tmp_path: Path, said: str | None, created: float | None) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as out:
        if said:
            out.metadata["creation_time"] = said
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(moving(1)[0], "bgr24")))
        out.mux(stream.encode())
    assert scan(str(tmp_path / "a.mkv")).created == created


def test_a_seek_that_lands_too_late_decodes_from_the_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media = scan(str(film("late.mp4", options=B_FRAMES)(folder)))
    everything = whole(media)
    real = recordings.Opened

    class Late(real):  # type: ignore[misc, valid-type]
        """An index that leads one keyframe too far, always."""

        def __init__(self, *args: object, **how: object) -> None:
            super().__init__(*args, **how)
            self.container = _LateContainer(self.container)

    class _LateContainer:
        def __init__(self, container: object) -> None:
            self._container = container

        def __getattr__(self, name: str) -> object:
            return getattr(self._container, name)

        def seek(self, _target: int, **how: object) -> None:
            self._container.seek(10**6, **how)  # type: ignore[attr-defined]

    monkeypatch.setattr(recordings, "Opened", Late)
    assert same(frames_of(Recording(media, Span(0.5, 1.0))), [f for f in everything if 0.5 <= f.t < 1.0])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".ts"])
def test_a_truncated_file_gives_what_is_there(tmp_path: Path, suffix: str) -> None:
    codec = {".webm": "libvpx", ".avi": "mjpeg"}.get(suffix, "libx264")
    options = {"g": "12"} | ({"movflags": "faststart"} if suffix == ".mp4" else {})
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_video(tmp_path / f"a{suffix}", moving(), codec=codec, pix_fmt=pix_fmt, options=options)
    if suffix == ".mp4":
        _put_the_index_first(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    media = scan(str(path))
    assert 10 < media.frames < COUNT
    found = whole(media)
    assert media.frames - 3 <= len(found) <= media.frames
    cut = [frames_of(Recording(media, Span(a, b))) for a, b in ((0.0, 1.0), (1.0, media.length_s))]
    assert same(cut[0] + cut[1], found)


def _put_the_index_first(path: Path) -> None:
    plain = path.with_name("plain.mp4")
    path.rename(plain)
    with av.open(str(plain)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)


def _encrypted(folder: Path) -> Path:
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "0" * 31 + "1", "encryption_kid": "0" * 31 + "2"}
    with av.open(str(folder / "e.mp4"), "w", options=key) as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for bgr in moving(10):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(bgr, "bgr24")))
        out.mux(stream.encode())
    return folder / "e.mp4"


def _with(name: str, data: bytes, folder: Path) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def _no_index(folder: Path) -> Path:
    path = write_video(folder / "n.mp4", moving())
    path.write_bytes(path.read_bytes()[:-1500])
    return path


def _no_picture(folder: Path) -> Path:
    """All packets are there, and none can be decoded."""
    path = write_video(folder / "j.avi", moving(5), codec="mjpeg", pix_fmt="yuvj420p")
    path.write_bytes(path.read_bytes().replace(b"\xff\xd8", b"\0\0").replace(b"\xff\xc0", b"\0\0"))
    return path


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda folder: folder / "none.mp4", SourceNotFound, "does not exist"),
        (lambda folder: folder, MediaError, "is a folder"),
        (partial(_with, "e.mp4", b""), MediaError, "is empty"),
        (partial(_with, "t.mp4", b"hello world\n" * 99), MediaError, "not a video"),
        (partial(_with, "t.jpg", b"hello world\n" * 99), MediaError, "not a picture"),
        (_encrypted, MediaError, "encrypted"),
        (_no_index, MediaError, "not a video"),
        (_no_picture, MediaError, "no picture that can be decoded"),
        (lambda folder: write_sound(folder / "s.mp4"), MediaError, "only sound"),
    ],
)
def test_what_cannot_be_read_says_why(
    tmp_path: Path, make: Callable[[Path], Path], error: type[SourceError], words: str
) -> None:
    path = make(tmp_path)
    for uri in (str(path), path.as_uri()):
        with pytest.raises(error, match=words) as caught:
            scan(uri)
        assert caught.value.hint
        assert caught.value.exit_code == 3


@pytest.mark.parametrize("change", ["grown", "shrunk", "written again", "gone"])
@pytest.mark.parametrize("when", ["before", "while read"])
def test_a_file_that_changes_is_an_error(tmp_path: Path, change: str, when: str) -> None:
    path = write_video(tmp_path / "a.mp4", moving(), options={"g": "12"})
    media = scan(str(path))

    def read() -> None:
        source = Recording(media, Span(0.0, media.length_s))
        source.read(1.0)
        if when == "while read":
            _change(path, change)
        frames_of(source)

    if when == "before":
        _change(path, change)
    with pytest.raises(SourceError, match="has changed" if change != "gone" else "does not exist") as caught:
        read()
    assert caught.value.hint


def _change(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "gone":
        path.unlink()
    elif how == "written again":
        os.utime(path, (1e9, 1e9))
    elif how == "grown":
        path.write_bytes(data + b"more")
    else:
        os.truncate(path, len(data) // 2)


def test_pictures_are_numbered_and_bad_ones_are_passed_over(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for i, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((20 + i, 30, 3), 10 * i, np.uint8))
    paths[0].write_bytes(b"no picture")
    media = scan_pictures([str(p) for p in paths], "holiday")
    assert (media.name, media.kind, media.format, media.codec, media.audio) == (
        "holiday",
        "pictures",
        "pictures",
        "",
        None,
    )
    assert (media.frames, media.width_px, media.height_px, media.length_s) == (5, 30, 21, 0.0)
    losses = Losses()
    found = frames_of(Recording(media, Span(0, 2), losses)) + frames_of(Recording(media, Span(2, 99), losses))
    assert [(f.index, f.t, f.still, f.origin) for f in found] == [
        (1, 0.0, True, paths[1]),
        (0, 0.0, True, paths[2]),
        (1, 0.0, True, paths[3]),
        (2, 0.0, True, paths[4]),
    ]
    assert [int(f.bgr[0, 0, 0]) for f in found] == [10, 20, 30, 40]
    assert list(losses.skipped) == [paths[0]]
    one = scan(str(paths[3]))
    assert (one.kind, one.frames, one.pictures, one.name) == ("pictures", 1, (str(paths[3]),), "3.png")
    with pytest.raises(MediaError, match="none of the 2 pictures"):
        scan_pictures([str(paths[0]), str(tmp_path / "no.png")], "nothing")


def test_no_mutation_brings_it_down(tmp_path: Path) -> None:
    """Flipped bytes and cuts, in one process: an error of ours or frames, and always an end (pytest's timeout)."""
    mutate(tmp_path, rounds=6, seed=11)


def mutate(folder: Path, rounds: int, seed: int) -> int:
    random = np.random.default_rng(seed)
    originals = [FILMS[name][0](folder) for name in ("H.264 with B-frames", "VP8", "MJPEG", "sound", "GIF")]
    refused = 0
    for path in originals * rounds:
        data = np.frombuffer(path.read_bytes(), np.uint8).copy()
        for place in random.integers(0, len(data), random.integers(1, 30)):
            data[place] = random.integers(0, 256)
        if random.random() < 0.4:
            data = data[: random.integers(1, len(data))]
        target = folder / f"mutated{path.suffix}"
        target.write_bytes(data.tobytes())
        try:
            media = scan(str(target))
            for span in (Span(0.0, media.length_s), Span(media.length_s / 2, media.length_s)):
                times = [f.t for f in frames_of(Recording(media, span))]
                assert times == sorted(set(times))
        except MonitorError as error:
            assert error.hint  # noqa: PT017
            refused += 1
    return refused


def test_packets_without_end_are_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film("endless.mp4")(folder)
    with av.open(str(path)) as container:
        packet = next(container.demux(video=0))

        class Endless(recordings.Opened):
            def packets(self):  # type: ignore[no-untyped-def]
                demux = lambda stream: iter(lambda: packet, None)  # noqa: E731
                self.container = type("C", (), {"demux": staticmethod(demux), "close": self.container.close})()
                return super().packets()

        opened = Endless(str(path), "endless.mp4", 5000, threads=False)
        with pytest.raises(MediaError, match="more pictures than it has bytes"):
            list(opened.packets())
        opened.close()


def test_a_recording_that_claims_to_last_for_years_is_damaged(tmp_path: Path) -> None:
    path = write_video(tmp_path / "y.mkv", moving(3), times_s=[0.0, 0.04, 4e6])
    with pytest.raises(MediaError, match="claims to last 46 days"):
        scan(str(path))


def test_what_lies_in_an_archive_is_read_through_its_url(tmp_path: Path) -> None:
    clip = film("clip.mp4", options=B_FRAMES)(tmp_path)
    cv2.imwrite(str(tmp_path / "p.png"), moving(1)[0])
    (tmp_path / "inside").mkdir()
    clip.rename(tmp_path / "inside/clip.mp4")
    (tmp_path / "p.png").rename(tmp_path / "inside/p.png")
    shutil.make_archive(str(tmp_path / "x"), "zip", tmp_path / "inside")
    local = scan(str(tmp_path / "inside/clip.mp4"))
    everything = whole(local)
    for url in (f"zip://clip.mp4::{(tmp_path / 'x.zip').as_uri()}", (tmp_path / "inside/clip.mp4").as_uri()):
        media = scan(url)
        assert (media.uri, media.name, media.bytes, media.modified) == (url, "clip.mp4", local.bytes, None)
        assert (media.frames, media.length_s, media.splittable) == (COUNT, local.length_s, True)
        pieces = frames_of(Recording(media, Span(0.0, 1.0))) + frames_of(Recording(media, Span(1.0, 9.0)))
        assert same(pieces, everything)
    picture = scan(f"zip://p.png::{(tmp_path / 'x.zip').as_uri()}")
    (frame,) = frames_of(Recording(picture, Span(0, 1)))
    assert (frame.still, frame.origin, frame.bgr.shape) == (True, Path("p.png"), (48, 64, 3))
    with pytest.raises(SourceNotFound, match="does not exist"):
        scan(f"zip://other.mp4::{(tmp_path / 'x.zip').as_uri()}")


def test_an_object_that_changes_or_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film("o.mp4", options=B_FRAMES)(tmp_path)
    media = scan(path.as_uri())
    source = Recording(media, Span(0.0, media.length_s))
    source.read(1.0)
    _change(path, "grown")
    with pytest.raises(SourceError, match="has changed"):
        frames_of(source)
    monkeypatch.setattr(opening, "READ_BYTES", 512)
    media = scan(path.as_uri())
    opened = recordings.Opened(media.uri, media.name, media.bytes, threads=False)
    assert opened._stored is not None
    opened._stored._file.close()  # as where a store hangs up
    with pytest.raises(SourceError, match="cannot be read"):
        list(opened.packets())
    opened.container.close()


@pytest.mark.parametrize(
    ("url", "words", "hint"),
    [
        ("s3://user:secret@bucket/a.mp4", "needs a package", "pip install s3fs"),
        ("gs://bucket/a.mp4", "needs a package", "pip install gcsfs"),
        ("https://user:secret@host/a.mp4?token=secret", "needs a package", "pip install aiohttp requests"),
        ("simplecache::s3://user:secret@bucket/a.mp4", "needs a package", "pip install s3fs"),
        ("rtsp://user:secret@camera/1", "cannot be read", "Name a file"),
    ],
)
def test_what_a_url_needs_is_named_and_its_secrets_are_not(url: str, words: str, hint: str) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        scan(url)
    assert hint in caught.value.hint
    assert "secret" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.exit_code == 3


def test_without_fsspec_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(SourceError, match="needs a package") as caught:
        scan("zip://a.mp4::file:///x.zip")
    assert "pip install fsspec" in caught.value.hint
