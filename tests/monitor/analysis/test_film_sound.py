"""The sound of an annotated video: what was said at a flash is heard at the flash."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from monitor.analysis.render import join_parts
from monitor.sinks.parts import PartRecorder
from monitor.sources.recordings import Recording, scan
from monitor.sources.sound import Sound
from monitor.types import U8, Frame, Media, Scene, Span
from tests.films import RATE_HZ, beep, beep_s, flash_s, heard, times_of, write_film

ONE_AUDIO_FRAME_S = 1152 / RATE_HZ


def grey(value: int) -> U8:
    return np.full((48, 64, 3), value, np.uint8)


def film(path: Path, flash: float, length_s: float = 3.0, codec: str = "aac", **more: float) -> Path:
    """25 pictures a second, bright from `flash` on for 0.2 s, and a beep at the same instant."""
    times = [i / 25 for i in range(round(length_s * 25))]
    frames = [grey(230 if flash <= t < flash + 0.2 else 20) for t in times]
    starts = more.get("sound_from_s", 0.0)
    return write_film(path, frames, times, beep(length_s - starts, flash - starts), codec=codec, sound_from_s=starts)


def joined(media: Media, span: Span, folder: Path) -> Path:
    """The span's pictures as they are, in two parts, joined with the sound."""
    middle = (span.from_s + span.to_s) / 2
    parts = []
    for i, (a, b) in enumerate(((span.from_s, middle), (middle, span.to_s))):
        source, part = Recording(media, Span(a, b)), PartRecorder(folder / f"{i}", media.width_px, media.height_px)
        while isinstance(frame := source.read(1), Frame):
            part.write(Scene(frame, (), {}))
        part.close()
        parts.append(folder / f"{i}")
    join_parts(parts, media, span, folder / "out.mp4")
    return folder / "out.mp4"


def sound_of(path: Path) -> str | None:
    with av.open(str(path)) as container:
        return next((s.codec_context.name.removesuffix("float") for s in container.streams.audio), None)


CODECS = [
    ("aac", ".mp4", "aac"),
    ("libmp3lame", ".mp4", "mp3"),
    ("libopus", ".mkv", "opus"),
    ("flac", ".mkv", "flac"),
    ("ac3", ".mp4", "aac"),
    ("pcm_s16le", ".mkv", "aac"),
    ("aac", ".ts", "aac"),
    ("mp2", ".ts", "aac"),
]
"""Of the film, its container, and what the annotated video has."""


@pytest.mark.parametrize(("codec", "suffix", "kept"), CODECS)
def test_a_beep_stays_at_its_flash(tmp_path: Path, codec: str, suffix: str, kept: str) -> None:
    media = scan(str(film(tmp_path / f"film{suffix}", 1.4, codec=codec)))
    for from_s, to_s in ((0.0, media.length_s), (0.52, 2.2)):
        out = joined(media, Span(from_s, to_s), tmp_path)
        assert sound_of(out) == kept
        assert flash_s(out) == pytest.approx(1.4 - from_s, abs=1e-3)
        assert beep_s(out) == pytest.approx(flash_s(out), abs=ONE_AUDIO_FRAME_S)
        assert len(heard(out)) / RATE_HZ == pytest.approx(to_s - from_s, abs=0.06), "nothing before or after the span"


def test_far_into_a_recording_the_sound_is_sought(tmp_path: Path) -> None:
    for codec in ("aac", "ac3"):
        media = scan(str(film(tmp_path / f"{codec}.mp4", 24.0, length_s=30.0, codec=codec)))
        assert media.splittable
        out = joined(media, Span(22.5, 26.0), tmp_path)
        assert flash_s(out) == pytest.approx(1.5, abs=1e-3)
        assert beep_s(out) == pytest.approx(1.5, abs=ONE_AUDIO_FRAME_S)


def test_sound_that_begins_later_than_the_pictures(tmp_path: Path) -> None:
    for codec in ("aac", "ac3"):
        media = scan(str(film(tmp_path / f"{codec}.mp4", 1.4, codec=codec, sound_from_s=0.8)))
        out = joined(media, Span(0.0, 3.0), tmp_path)
        assert beep_s(out) == pytest.approx(1.4, abs=ONE_AUDIO_FRAME_S)


@pytest.mark.parametrize(("codec", "suffix"), [("pcm_mulaw", ".mov"), ("libmp3lame", ".mkv")])
def test_sound_as_of_a_telephone_is_encoded_anew(tmp_path: Path, codec: str, suffix: str) -> None:
    times = [i / 25 for i in range(50)]
    frames = [grey(230 if 1.0 <= t < 1.2 else 20) for t in times]
    path = write_film(tmp_path / f"film{suffix}", frames, times, beep(2, 1.0), codec=codec, rate_hz=8000)
    out = joined(scan(str(path)), Span(0.0, 2.0), tmp_path)
    assert sound_of(out) == "aac"
    assert beep_s(out) == pytest.approx(flash_s(out), abs=ONE_AUDIO_FRAME_S)


@pytest.mark.parametrize("codec", ["aac", "ac3"])
def test_a_hole_in_the_sound_moves_nothing(tmp_path: Path, codec: str) -> None:
    film(tmp_path / "film.mkv", 1.4, codec=codec)
    with av.open(str(tmp_path / "film.mkv")) as whole, av.open(str(tmp_path / "hole.mkv"), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in whole.streams]
        for packet in whole.demux():
            at_s = float((packet.pts or 0) * packet.time_base)
            if packet.size and not (packet.stream.type == "audio" and 0.4 <= at_s < 1.0):
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    out_path = joined(scan(str(tmp_path / "hole.mkv")), Span(0.2, 3.0), tmp_path)
    assert flash_s(out_path) == pytest.approx(1.2, abs=1e-3)
    assert beep_s(out_path) == pytest.approx(1.2, abs=ONE_AUDIO_FRAME_S)


def test_a_clock_that_jumps_by_hours_is_silence_a_second_at_a_time(tmp_path: Path) -> None:
    film(tmp_path / "film.ts", 0.4, codec="mp2")
    with av.open(str(tmp_path / "film.ts")) as whole, av.open(str(tmp_path / "jump.ts"), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in whole.streams]
        for packet in whole.demux():
            if packet.size and packet.pts is not None and packet.time_base is not None:
                late = packet.stream.type == "audio" and packet.pts * packet.time_base > 2.2  # a stream begins at 1.4
                packet.pts = packet.dts = packet.pts + (round(36_000 / packet.time_base) if late else 0)
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    media = scan(str(tmp_path / "film.ts"))
    sound = Sound(
        replace(media, uri=str(tmp_path / "jump.ts"), bytes=(tmp_path / "jump.ts").stat().st_size), Span(0, 9)
    )
    lengths = [part.shape[1] for part in sound.samples(8000, "mono")]
    sound.close()
    assert sum(lengths) == 9 * 8000
    assert max(lengths) == 8000


def test_copied_sound_is_the_same_bytes(tmp_path: Path) -> None:
    media = scan(str(film(tmp_path / "film.mp4", 1.4)))
    out = joined(media, Span(0.0, media.length_s), tmp_path)

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(audio=0) if p.size and (p.pts or 0) >= 0]

    assert packets(out) == packets(tmp_path / "film.mp4")


def test_stereo_stays_stereo(tmp_path: Path) -> None:
    frames, times = [grey(20)] * 50, [i / 25 for i in range(50)]
    for codec in ("aac", "ac3"):
        path = write_film(tmp_path / f"{codec}.mp4", frames, times, beep(2, 1, channels=2), codec=codec)
        with av.open(str(joined(scan(str(path)), Span(0, 2), tmp_path))) as container:
            assert container.streams.audio[0].codec_context.channels == 2


def test_a_film_without_sound(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    media = scan(str(write_film(tmp_path / "film.mp4", [grey(20)] * 10, [i / 25 for i in range(10)])))
    assert media.audio is None
    out = joined(media, Span(0.0, media.length_s), tmp_path)
    assert sound_of(out) is None
    assert len(times_of(out)) == 10
    assert not caplog.records


@pytest.mark.parametrize("codec", ["aac", "ac3"])
def test_damaged_sound_ends_there_and_the_pictures_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, codec: str
) -> None:
    path = film(tmp_path / "film.mp4", 0.4, codec=codec)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        late = [(p.pos, p.size) for p in container.demux(audio=0) if p.size and float(p.pts * p.time_base) >= 1.5]
    for at, size in late:
        data[at : at + size] = np.random.default_rng(at).bytes(size)
    path.write_bytes(data)
    media = scan(str(path))
    with caplog.at_level(logging.WARNING):
        out = joined(media, Span(0.0, media.length_s), tmp_path)
    assert len(times_of(out)) == 75
    assert beep_s(out) == pytest.approx(0.4, abs=ONE_AUDIO_FRAME_S)
    assert len(heard(out)) / RATE_HZ < 2.5
    assert "sound is damaged from second" in caplog.text


def test_sound_that_cannot_be_had_leaves_the_video(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    media = scan(str(film(tmp_path / "film.mp4", 1.4)))
    joined(media, Span(0.0, 3.0), tmp_path)
    (tmp_path / "film.mp4").unlink()
    with caplog.at_level(logging.WARNING):
        join_parts([tmp_path / "0", tmp_path / "1"], media, Span(0.0, 3.0), tmp_path / "out.mp4")
    assert "without sound" in caplog.text
    assert sound_of(tmp_path / "out.mp4") is None
    assert len(times_of(tmp_path / "out.mp4")) == 75
