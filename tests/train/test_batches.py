"""Batches: shares, order, pairs and mixtures, each a function of seed and step."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

pytest.importorskip("keras")

from train.augment import Augment
from train.batches import Batches
from train.errors import DataError, MakersEnded
from train.manifest import Prepared, Row
from train.recipe import Recipe

BASE = Recipe(batch=4000, input_px=32, augment=Augment(least_px=16), seed=3)


def prepared(cells):
    rows = [
        Row("s", f"{source}/{label}/{i}", source, label, f"g{source}{label}{i}", "train", "whole", 60.0)
        for (source, label), n in cells.items()
        for i in range(n)
    ]
    return Prepared(tuple(rows), np.zeros((len(rows), 32, 32, 3), np.uint8), 0.5, "digest")


def three_classes():
    return prepared({("a", "real"): 5, ("a", "fake"): 5, ("b", "mask"): 5})


def batches(data, **changes):
    return Batches(data, replace(BASE, **changes))


def test_batches_keep_the_shares_and_repeat():
    data = prepared({("a", "real"): 50, ("a", "fake"): 10, ("b", "mask"): 200, ("b", "real"): 400})
    rgb, onehot = batches(data).batch(7)
    again = batches(data).batch(7)
    np.testing.assert_array_equal(onehot, again[1])
    np.testing.assert_array_equal(rgb, again[0])
    np.testing.assert_allclose(onehot.mean(axis=0), (0.4, 0.4, 0.2), atol=0.03)
    assert (batches(data).batch(8)[1] != onehot).any()


def test_batches_made_ahead_come_in_order_and_are_the_same():
    data = three_classes()
    maker = batches(data, batch=8)
    ahead = list(maker.ahead(2, 9))
    assert [step for step, _, _ in ahead] == list(range(2, 9))
    for step, rgb, onehot in ahead:
        want, labels = maker.batch(step)
        np.testing.assert_array_equal(rgb, want)
        np.testing.assert_array_equal(onehot, labels)


@pytest.mark.parametrize("in_a_file", [True, False])
def test_batches_made_by_processes_are_the_same(tmp_path, in_a_file):
    data = three_classes()
    crops = np.random.default_rng(0).integers(0, 256, data.crops.shape, np.uint8)
    np.save(tmp_path / "crops.npy", crops)
    data = replace(data, crops=np.load(tmp_path / "crops.npy", mmap_mode="r") if in_a_file else crops)
    recipe = replace(BASE, batch=8)
    alone, shared = Batches(data, recipe), Batches(data, recipe, workers=2)
    for step, rgb, onehot in shared.ahead(3, 12):
        want, labels = alone.batch(step)
        np.testing.assert_array_equal(rgb, want)
        np.testing.assert_array_equal(onehot, labels)
    assert step == 11
    assert not multiprocessing.active_children()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("pause_s", [0.0, 1.0])
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("batch", [8, 100])
def test_a_process_that_ends_is_told(signum, pause_s, batch):
    """Also where a batch is larger than a pipe holds, and half of it was sent."""
    made = Batches(three_classes(), replace(BASE, batch=batch), workers=1).ahead(0, 400)
    next(made)
    time.sleep(pause_s)
    for process in multiprocessing.active_children():
        os.kill(process.pid, signum)
    with pytest.raises(MakersEnded, match="a process that makes pictures ended") as caught:
        list(made)
    assert "--workers" in caught.value.hint
    assert caught.value.exit_code == 4
    assert not multiprocessing.active_children()


class Failing(Batches):
    """Makes no picture."""

    def batch(self, step):
        raise {0: KeyError("no such picture"), 1: MemoryError(), 2: NotPickled()}[step]


class NotPickled(Exception):
    def __reduce__(self):
        raise TypeError("it does not travel")


class Deadly:
    """Ends the process that is made to hold it."""

    def __reduce__(self):
        return os._exit, (1,)


@pytest.mark.parametrize(("step", "told"), [(0, KeyError), (1, MakersEnded), (2, RuntimeError)])
def test_what_a_process_cannot_do_is_told_with_where_it_was(step, told):
    with pytest.raises(told, match=r"no such picture|ended|NotPickled") as caught:
        next(Failing(three_classes(), BASE, workers=1).ahead(step, step + 1))
    at = caught.value.__cause__ or caught.value
    assert "raise {0:" in "".join((str(at), *getattr(at, "__notes__", ())))
    assert not multiprocessing.active_children()


class Stuck(Batches):
    """Makes three batches and then neither another one nor an end."""

    def batch(self, step):
        if step == 3:
            os.kill(os.getpid(), signal.SIGSTOP)
        return super().batch(step)


@pytest.mark.timeout(60)
def test_leaving_does_not_wait_for_a_process_that_is_stuck():
    made = Stuck(three_classes(), replace(BASE, batch=8), workers=1).ahead(0, 9)
    assert [next(made)[0] for _ in range(3)] == [0, 1, 2]
    made.close()  # with a thread that waits for the fourth, five minutes long
    assert not multiprocessing.active_children()


@pytest.mark.timeout(60)
def test_a_process_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr("train.makers.PATIENCE_S", 0.01)
    with pytest.raises(MakersEnded, match="it said nothing for 0 s"):
        next(Batches(three_classes(), BASE, workers=1).ahead(0, 4))
    assert not multiprocessing.active_children()


@pytest.mark.timeout(60)
def test_a_process_that_ends_before_it_was_told_what_to_make_is_told():
    """More than its pipe holds is on the way to it."""
    data = three_classes()
    data = replace(data, crops=[Deadly(), *[np.zeros((64, 64, 3), np.uint8)] * 100])
    with pytest.raises(MakersEnded, match="a process that makes pictures ended"):
        next(Batches(data, BASE, workers=2).ahead(0, 4))
    assert not multiprocessing.active_children()


TRAINER = """
import multiprocessing, signal
import numpy as np
from train.batches import Batches
from train.manifest import Prepared, Row
from train.recipe import Recipe
if __name__ == "__main__":
    rows = [Row("s", str(i), "a", "real fake mask".split()[i % 3], str(i), "train", "whole", 60.0) for i in range(9)]
    data = Prepared(tuple(rows), np.zeros((9, 32, 32, 3), np.uint8), 0.5, "digest")
    asked = []
    signal.signal(signal.SIGINT, lambda *_: asked.append(1))
    print("begins", flush=True)
    for step, _, _ in Batches(data, Recipe(batch=8, input_px=32), workers=2).ahead(0, 10**6):
        if step == 0:
            print(*(process.pid for process in multiprocessing.active_children()), flush=True)
        if asked and step >= 20:
            break
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("ended well", flush=True)
"""


@pytest.fixture
def trainer(tmp_path):
    """A process, with a group of its own, that takes batches until Ctrl-C, and says who makes them."""
    (tmp_path / "trainer.py").write_text(TRAINER)
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, tmp_path / "trainer.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    assert process.stdout.readline() == "begins\n"
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_ctrl_c_is_for_the_run_and_not_for_its_processes(trainer):
    """Neither while they start nor later: pressed again and again."""
    ends = time.monotonic() + 60
    while trainer.poll() is None and time.monotonic() < ends:
        os.killpg(trainer.pid, signal.SIGINT)
        time.sleep(0.03)
    out, err = trainer.communicate(timeout=60)
    assert out.endswith("ended well\n"), err
    assert "Traceback" not in err
    assert trainer.returncode == 0


def test_processes_end_with_a_run_that_is_killed(trainer):
    makers = [psutil.Process(int(pid)) for pid in trainer.stdout.readline().split()]
    assert len(makers) == 2
    trainer.kill()
    gone, alive = psutil.wait_procs(makers, timeout=20)
    assert (len(gone), alive) == (2, [])


def test_a_missing_class_is_refused():
    with pytest.raises(DataError, match="no picture of class mask"):
        batches(prepared({("a", "real"): 5, ("a", "fake"): 5}))


def test_shares_of_other_classes_are_refused():
    with pytest.raises(DataError, match="2 class shares for the classes real, fake, mask"):
        batches(prepared({("a", "real"): 5, ("a", "fake"): 5, ("a", "mask"): 5}), class_shares=(0.5, 0.5))


def test_a_source_is_shown_as_often_as_its_weight_says():
    """Four times as often as another one of its size, in every class; the shares of the classes stay."""
    data = prepared({(s, label): 40 for s in "ab" for label in ("real", "fake", "mask")})
    made = batches(data, batch=4000, class_shares=(0.4, 0.4, 0.2), source_weights={"b": 4.0}, augment=None)
    rows, _ = made._chosen(np.random.default_rng(0))
    sources = np.array([data.rows[row].source for row in rows])
    labels = data.labels[rows]
    for label, share in enumerate((0.4, 0.4, 0.2)):
        assert (labels == label).mean() == pytest.approx(share, abs=0.03)
        assert (sources[labels == label] == "b").mean() == pytest.approx(0.8, abs=0.04)


def test_a_weight_for_a_source_that_is_not_there_is_refused():
    data = prepared({("a", label): 5 for label in ("real", "fake", "mask")})
    with pytest.raises(DataError, match="source_weights names b, which the split train does not have") as caught:
        batches(data, source_weights={"a": 2.0, "b": 4.0})
    assert caught.value.hint == "it has a"


def test_without_shares_pictures_are_drawn_evenly():
    data = prepared({("a", "real"): 90, ("a", "fake"): 10, ("b", "mask"): 100})
    _, onehot = batches(data, class_shares=None, augment=None).batch(0)
    np.testing.assert_allclose(onehot.mean(axis=0), (0.45, 0.05, 0.5), atol=0.03)


def twins(n):
    """n originals, each with a fake of its own group, told apart by their grey; and masks."""
    rows = [
        Row("s", f"{label}{i}", "pairs", label, f"g{i}", "train", "whole", 60.0)
        for label in ("real", "fake") for i in range(n)
    ] + [Row("s", f"m{i}", "masks", "mask", f"m{i}", "train", "whole", 60.0) for i in range(n)]  # fmt: skip
    crops = np.zeros((3 * n, 32, 32, 3), np.uint8)
    crops += np.arange(3 * n, dtype=np.uint8)[:, None, None, None]
    return Prepared(tuple(rows), crops, 0.15, "digest")


def groups(onehot, rgb, label, n):
    return [int(grey) % n for grey, one in zip(rgb[:, 0, 0, 0], onehot, strict=True) if one[label] == 1]


def test_an_original_comes_with_its_own_fake():
    n, sizes = 40, {"batch": 100, "augment": None}
    lone = batches(twins(n), **sizes).batch(0)
    rgb, onehot = batches(twins(n), **sizes, paired=1.0).batch(0)
    np.testing.assert_array_equal(onehot, lone[1])  # the classes of a batch stay as they are
    reals, fakes = groups(onehot, rgb, 0, n), groups(onehot, rgb, 1, n)
    paired = min(len(reals), len(fakes))
    assert sorted(reals[:paired]) == sorted(fakes[-paired:])
    assert sorted(groups(*lone[::-1], 0, n)[:paired]) != sorted(groups(*lone[::-1], 1, n)[-paired:])


def test_a_pair_is_shown_in_the_same_way():
    data = replace(twins(1), crops=np.stack([np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)] * 3))
    rgb, onehot = batches(data, batch=12, paired=1.0).batch(5)
    reals, fakes = rgb[onehot[:, 0] == 1], rgb[onehot[:, 1] == 1]
    paired = min(len(reals), len(fakes))
    np.testing.assert_array_equal(reals[:paired], fakes[::-1][:paired])
    assert (reals[0] != reals[1]).any()


def test_mixup_mixes_labels_as_it_mixes_pictures():
    rgb, onehot = batches(twins(40), batch=200, augment=None, mixup=0.4).batch(1)
    np.testing.assert_allclose(onehot.sum(axis=1), 1, atol=1e-6)
    mixed = onehot.max(axis=1) < 1
    assert mixed.any()
    # Greys 0..39 are real, 40..79 fake, 80..119 mask: a mixture of a real and a mask lies where its label says.
    masks = mixed & (onehot[:, 0] > 0) & (onehot[:, 2] > 0)
    grey, share = rgb[masks, 0, 0, 0].astype(float), onehot[masks, 2]
    assert (grey >= share * 80 - 1).all()
    assert (grey <= share * 119 + (1 - share) * 39 + 1).all()
