"""What is known of the machine, the films that are played, and how a round is counted."""

import functools
import itertools
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from engines.artefacts import parsed
from engines.work import multiplications as of_classifier
from monitor.bench import crowd, hardware
from monitor.bench import roofline as roofline_module
from monitor.bench.facts import Measured, Spread
from monitor.bench.films import film_at, opened
from monitor.bench.reference import Reference
from monitor.bench.roofline import LARGE_BYTES, array_bytes, bandwidth, roofline
from monitor.bench.tally import Tally
from monitor.detect import FaceDetector
from monitor.detect.models import FULL_RANGE, SHORT_RANGE
from monitor.detect.work import multiplications
from monitor.errors import MediaError, SourceError, UsageError
from monitor.settings import DetectorSettings
from monitor.sources.scanning import scan
from monitor.types import Box, Face, Frame, Scene, Track
from tests.bundles import tiny_bundle
from tests.monitor.bench.reports import MACHINE, RECORDED, measured, report, sample

CPUINFO = "processor\t: 0\nflags\t\t: fpu avx2 hypervisor\n"


def tree(root, **files):
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_machine_tells_what_it_knows_and_none_for_the_rest(tmp_path):
    known = hardware.machine()
    assert known["cores"] >= 1
    assert known["memory_gb"] > 0.1
    assert 0 <= known["others_share"] <= 1
    bare = hardware.machine(tmp_path)
    unknown = ("governor", "driver", "mhz_max", "quota", "throttled", "stolen_s", "virtual")
    assert [bare[name] for name in unknown] == [None] * len(unknown)
    assert not bare["container"]
    throttle = "sys__devices__system__cpu__cpu{}__thermal_throttle__core_throttle_count"
    full = tree(
        tmp_path, sys__devices__system__cpu__cpu0__cpufreq__scaling_governor="powersave\n", proc__cpuinfo=CPUINFO,
        sys__devices__system__cpu__cpu0__cpufreq__cpuinfo_max_freq="3500000\n",
        **{"run__.containerenv": "", "sys__fs__cgroup__cpu.max": "150000 100000\n"},
        proc__stat="cpu 1 2 3 4 5 6 7 250 0 0\n", proc__uptime="100.0 50.0\n", sys__class__dmi__id__sys_vendor="QEMU",
        **{throttle.format(n): "7\n" for n in (0, 1)},
    )  # fmt: skip
    told = hardware.machine(full)
    assert (told["governor"], told["throttled"], told["virtual"], told["up_s"]) == ("powersave", 14, "QEMU", 100.0)
    assert (told["mhz_max"], told["container"], told["quota"]) == (3500.0, True, "150000 100000")
    assert told["stolen_s"] == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ({"others_share": 0.4}, {}, "40% of the processors"),
        ({}, {"battery": {"plugged": False, "percent": 30.0}}, "on battery"),
        ({}, {"throttled": 3}, "their heat"),
        ({}, {"temperature_c": 95.0}, "95 °C"),
        ({"governor": "powersave", "driver": "acpi-cpufreq"}, {}, "powersave"),
        ({}, {"memory_used_share": 0.95}, "95% full"),
        ({"virtual": "QEMU"}, {}, "virtual machine"),
        ({}, {"stolen_s": 21.0, "up_s": 200.0}, "10.0% of the processors' time"),
        ({"power_mode": "low-power"}, {}, "low-power"),
        ({}, {"busy_s": 75.0, "own_s": 10.0, "up_s": 200.0}, "10% of the processors while it ran"),
    ],
)
def test_what_spoils_a_measurement_is_noted(before, after, what):
    assert hardware.notes(MACHINE, MACHINE) == ()
    (note,) = hardware.notes({**MACHINE, **before}, {**MACHINE, **after})
    assert what in note


def test_a_governor_that_leaves_the_clock_to_the_processor_is_no_matter():
    usual = {**MACHINE, "governor": "powersave", "driver": "intel_pstate"}
    assert hardware.notes(usual, usual) == ()


def test_a_machine_that_became_slower_is_noted():
    steady = measured(RECORDED, [100, 90], reference_ms=3.0)
    assert report(steady).drift == ()
    slower = replace(steady, rounds=(steady.rounds[0], replace(steady.rounds[1], reference_ms=3.6)))
    (note,) = report(slower).drift
    assert "1.20 times as long" in note
    assert report(measured(RECORDED, [100])).drift == ()


def test_the_reference_tells_what_its_work_takes_whoever_interrupts(monkeypatch):
    reference, naps = Reference(), itertools.cycle([0.001, 0.02, 0.001])
    assert 0.1 < reference.time_ms() < 100, "some time, and not long"
    monkeypatch.setattr(reference, "_work", lambda: time.sleep(next(naps)))
    assert 1.0 <= reference.time_ms() < 10, "what was interrupted does not count"
    monkeypatch.setattr(reference, "_work", lambda: time.sleep(0.004))
    assert reference.time_ms() >= 4.0


def test_the_films_hold_so_many_faces_and_their_ends_fit(tmp_path):
    detector = FaceDetector(DetectorSettings())
    try:
        for faces in (4, 16):
            draw = crowd.crowd(faces, 1280, 720)
            assert sum(len(detector.detect_all(draw(t))) for t in (0.0, 0.9, 2.1)) >= 3 * faces - 2
    finally:
        detector.close()
    draw = crowd.crowd(4, 640, 360)
    assert draw(0.0).shape == (360, 640, 3)
    np.testing.assert_array_equal(draw(0.0), draw(crowd.CROWD_S))
    assert (draw(0.0) != draw(0.7)).any()


def test_a_film_is_made_once_and_a_broken_one_never_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(crowd, "CROWD_S", 0.2)
    said = []
    first = crowd.film(tmp_path, faces=2, width_px=320, height_px=240, say=said.append)
    assert len(said) == 1
    made = first.stat().st_mtime_ns
    assert crowd.film(tmp_path, faces=2, width_px=320, height_px=240, say=said.append).stat().st_mtime_ns == made
    assert len(said) == 1
    source = opened(film_at(first, faces=2))
    frames = []
    while (frame := source.read(5)) is not None:
        frames.append(frame)
    source.close()
    assert len(frames) == 6
    assert frames[0].bgr.shape == (240, 320, 3)

    first.write_bytes(first.read_bytes()[: first.stat().st_size // 2])
    crowd.film(tmp_path, faces=2, width_px=320, height_px=240, say=said.append)
    assert "damaged" in said[1]
    assert len(said) == 3
    assert scan(str(first)).frames == 6

    def breaks(*_):
        raise MediaError("no portraits")

    monkeypatch.setattr(crowd, "cutouts", breaks)
    with pytest.raises(MediaError):
        crowd.film(tmp_path, faces=3, width_px=320, height_px=240, say=said.append)
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_a_picture_is_nothing_to_measure_with(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(UsageError, match="no recording"):
        film_at(tmp_path / "a.png")


def scene(index, t, judged, *, seen=True, reason=None):
    face = Face(Box(0, 0, 9, 9), 0.9, np.zeros((6, 2), np.float32))
    probs = np.array([1, 0, 0], np.float32)
    track = Track(1, face, 0.0, t if seen else t - 1, t, judged, probs, 0, reason)
    return Scene(Frame(index, t, 0.0, np.zeros((9, 9, 3), np.uint8)), (track,), {"read": 2.0, "detect": 5.0})


def test_a_round_counts_losses_turns_and_what_a_frame_keeps_the_loop():
    tally = Tally(live=True, beside={})
    tally.see(scene(0, 0.0, 1), 50.0)
    tally.begin()
    for index, t, judged in ((3, 0.1, 1), (4, 0.2, 2), (6, 0.9, 2), (7, 1.0, 4)):
        tally.see(scene(index, t, judged), 12.0)
    time.sleep(0.1)
    sample = tally.sample(3.0)
    assert (sample.frames, sample.dropped) == (4, 3)
    assert sample.frame_ms.p50 == pytest.approx(12.0, rel=0.02)
    assert sample.longest_unjudged_s == pytest.approx(0.7)
    assert sample.judgements_per_s * sample.seconds == pytest.approx(3, abs=0.05)
    assert "read" in sample.stage_ms
    assert sample.age_ms is not None


def test_frames_that_were_due_and_never_came_are_lost():
    tally = Tally(live=True, beside={}, due_fps=1000.0)
    tally.see(scene(0, 0.0, 1), 1.0)
    tally.see(scene(1, 0.1, 1), 1.0)
    time.sleep(0.1)
    assert tally.sample(3.0).dropped >= 97, "of a hundred that were due two came, and none was passed over"
    with pytest.raises(SourceError, match="no frame"):
        Tally(live=True, beside={}).sample(3.0)


def test_who_is_not_in_view_or_not_worth_it_waits_for_nothing():
    tally = Tally(live=True, beside={})
    for index in range(5):
        tally.see(scene(index, float(index), 1, seen=False), 3.0)
        tally.see(scene(index, float(index), 1, reason="blurred"), 3.0, camera=1)
    assert tally.sample(3.0).longest_unjudged_s is None
    assert tally.sample(3.0).dropped == 0


def test_the_roofline_knows_the_arithmetic_of_the_models(tmp_path):
    # Counted by hand from the papers' tables they are 30 and 117 million.
    assert multiplications(SHORT_RANGE) == 30_760_960
    assert multiplications(FULL_RANGE) == 117_188_352
    rate, how = bandwidth(1)
    assert rate > 1e9
    assert how
    bundle = tiny_bundle(tmp_path / "tiny")
    main = measured(replace(RECORDED, precision="fp32"), [100, 100])
    told = roofline(report(main), bundle)
    rows = {row["stage"]: row for row in told["stages"]}
    assert set(rows) == {"decode", "detect", "draw"}
    assert rows["detect"]["gops"] == pytest.approx(2 * (30_760_960 + 117_188_352) / 1e9, rel=1e-3)
    assert 0 < rows["detect"]["peak_share"] < 1
    assert rows["draw"]["moved_mb"] == pytest.approx(6 * 1280 * 720 / 1e6)
    assert told["fp32_gops"] > 1


def test_the_classifier_against_the_peak_of_what_it_runs_on(tmp_path, monkeypatch):
    for slow in ("peak", "bandwidth"):  # measured once is enough here
        monkeypatch.setattr(roofline_module, slow, functools.cache(getattr(roofline_module, slow)))
    bundle = tiny_bundle(tmp_path / "tiny")
    of_crop = 2 * of_classifier(parsed(bundle)) / 1e9

    def row(**more):
        asked = sample(50, judgements_per_s=12.0, askings_per_s=4.0)
        asked = replace(asked, stage_ms={**asked.stage_ms, "classify": Spread(2.0, 3.0, 4.0)})
        point = replace(RECORDED, **{"precision": "fp32", **more.pop("point", {})})
        told = roofline(report(Measured(point, (replace(asked, **more),))), bundle)
        return next(row for row in told["stages"] if row["stage"] == "classify"), told

    fp32, told = row()
    assert fp32["gops"] == pytest.approx(3 * of_crop, abs=1e-4), "three crops a call"
    assert fp32["peak_share"] == pytest.approx(3 * of_crop / 2e-3 / told["fp32_gops"], abs=1e-3)
    int8, told = row(point={"precision": "int8"})
    assert int8["peak_share"] == pytest.approx(3 * of_crop / 2e-3 / told["int8_gops"], abs=1e-3)
    unknown, _ = row(askings_per_s=0.0)
    assert unknown["gops"] is None
    for found, share in (
        (None, None),
        ({"precision": "fp32", "gops": 1e3, "memory_gbps": 1.0}, 3 * of_crop / 2e-3 / 1e3),
    ):
        monkeypatch.setattr(roofline_module, "_gpu", lambda _point, found=found: (found, "why"))
        gpu, told = row(point={"runtime": "tensorrt"})
        assert gpu["gops"] is not None
        assert gpu["peak_share"] == (None if share is None else pytest.approx(share, abs=1e-3))
        assert told["gpu"] == found


def test_the_memory_is_measured_with_what_no_cache_holds(tmp_path):
    assert array_bytes(tmp_path) == LARGE_BYTES
    for n, (size, shared) in enumerate([("32768K", "0-1"), ("32768K", "0-1"), ("32768K", "2-3")]):
        folder = f"cpu{n}__cache__index3__"
        names = {"size": size, "shared_cpu_list": shared, "level": "3"}
        tree(tmp_path, **{folder + name: text + "\n" for name, text in names.items()})
    tree(tmp_path, cpu0__cache__index2__size="512K\n", cpu0__cache__index2__shared_cpu_list="0\n",
         cpu0__cache__index2__level="2\n")  # fmt: skip
    assert array_bytes(tmp_path) == 4 * 64 * 2**20
