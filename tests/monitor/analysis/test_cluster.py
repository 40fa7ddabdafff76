"""A Ray cluster as the workers of an analysis: the results of a local worker, its failures, and nothing left behind."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from monitor.analysis import cluster_link
from monitor.analysis.cluster import Cluster, _to_send
from monitor.analysis.facts import segments_of
from monitor.analysis.pool import Failure, Pool, Report
from monitor.analysis.render import Look
from monitor.analysis.run import Workers
from monitor.analysis.schema import pack
from monitor.analysis.tasks import Analyse, Join, Render, Scan
from monitor.config import load_settings
from monitor.errors import UsageError
from monitor.settings import Settings
from monitor.sources.recordings import scan
from monitor.types import Media, Span
from tests.bundles import tiny_bundle
from tests.monitor.analysis.fabricated import CLASSES, row, rows_table
from tests.monitor.analysis.test_pool import Does
from tests.people import walk_video

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the cluster extra")
ROOT = Path(__file__).parents[3]
SILENT = {"say": lambda _text: None}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One of its own, of two processors; it is gone afterwards."""
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.delenv("RAY_ADDRESS", raising=False)
        before = {process.pid for process in psutil.process_iter()}
        with closing(Cluster("auto", 2, say=told.append)) as opened:
            folder = Path(str(opened._link._own_folder))
            assert folder.is_dir()
            yield opened
    assert told == ["works with a Ray cluster of its own on this machine: 2 processors, 1 machines"]
    assert not folder.exists()
    left = [process for process in psutil.Process().children(recursive=True) if process.pid not in before]
    _, alive = psutil.wait_procs([process for process in left if _of_ray(process)], timeout=10)
    assert not alive


def _of_ray(process: psutil.Process) -> bool:
    try:
        return "ray" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with closing(Pool(1)) as opened:
        yield opened


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    return scan(str(walk_video(tmp_path_factory.mktemp("films") / "walk.mp4", 40)))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    tiny_bundle(folder)
    return load_settings("analysis", [f"engine.bundle={folder}", "engine.threads=1"])


def reports(workers: Workers, tasks: dict[Any, Any], limit_s: float = 60.0) -> list[Report]:
    """What is said until all tasks are over."""
    for key, task in tasks.items():
        workers.submit(key, task)
    found: list[Report] = []
    end_s = time.monotonic() + limit_s
    while sum(report.kind in ("done", "failed") for report in found) < len(tasks) and time.monotonic() < end_s:
        found += workers.wait(0.5)
    return found


def test_the_results_are_those_of_a_local_worker(
    cluster: Cluster, pool: Pool, media: Media, settings: Settings
) -> None:
    tasks = {"scan": Scan(media.uri), "look": Analyse(media, segments_of(Span(0, media.length_s)), settings)}
    spread = reports(cluster, tasks)
    local = [report for key, task in tasks.items() for report in reports(pool, {key: task})]
    for key in tasks:
        assert [one for one in spread if one.key == key] == [one for one in local if one.key == key]
    assert sum(one.value for one in spread if one.kind == "frames") == 40
    ((index, data),) = (one.value for one in spread if one.kind == "segment")
    assert index == 0
    assert len(data) > 1000
    assert cluster.idle == 2


def test_engines_take_one_processor_however_many_there_are(media: Media, settings: Settings) -> None:
    def threads(chosen: int | None) -> Any:
        task = Analyse(media, (), replace(settings, engine=replace(settings.engine, threads=chosen)))
        sent = _to_send(task)
        assert isinstance(sent, Analyse)
        assert replace(sent, settings=task.settings) == task, "nothing else is another"
        return sent.settings.engine.threads

    assert threads(None) == 1
    assert threads(3) == 3, "who asks for more gets them"


def test_failures_are_those_of_a_local_worker(cluster: Cluster, pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(b"noise" * 100)
    tasks = {"noise": Scan(str(tmp_path / "noise.mp4")), "hint": Does("refuse"), "bug": Does("bug")}
    spread = {one.key: one.value for one in reports(cluster, tasks)}
    local = {key: reports(pool, {key: task})[-1].value for key, task in tasks.items()}
    assert spread == local
    assert spread["noise"].code == 3


def test_what_a_machine_does_not_see_is_told_with_its_name(cluster: Cluster, tmp_path: Path) -> None:
    failure = reports(cluster, {"a": Scan(str(tmp_path / "elsewhere.mp4"))})[-1].value
    assert failure.code == 3
    assert failure.hint.startswith(f"{socket.gethostname()} does not see it")


def test_a_process_that_crashes_costs_its_task_only(cluster: Cluster) -> None:
    over = {one.key: one for one in reports(cluster, {"bad": Does("die"), "good": Does("answer", 1)})}
    assert isinstance(over["bad"].value, Failure)
    assert over["bad"].value.died
    assert over["good"].kind == "done"


def test_parts_of_videos_come_as_bytes_and_are_joined_here(cluster: Cluster, media: Media, tmp_path: Path) -> None:
    rows = pack({"frames": rows_table([row(0.0, 1, (10, 10, 60, 60))])})
    part = tmp_path / "part.mp4"
    task = Render(media, Span(0, media.length_s), tmp_path / "none.parquet", Look(CLASSES, "blur", None), part, rows)
    part.write_bytes(reports(cluster, {"part": task})[-1].value)
    out = tmp_path / "whole.mp4"
    cluster.submit("join", Join((part,), media, Span(0, media.length_s), out))
    assert cluster.idle == 2, "the processors of the cluster are free for others"
    assert reports(cluster, {"other": Does("answer", 1), "again": Does("answer", 2)})[-1].kind == "done"
    while not out.exists():
        cluster.wait(0.5)
    assert scan(str(out)).frames == 40


def test_other_versions_end_the_run(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_ours", {"numpy": "1.0"})
    with pytest.raises(UsageError, match=r"numpy .*, not 1\.0"):
        reports(cluster, {"a": Does("answer")})
    cluster._flying.clear()


def test_a_cluster_that_was_there_is_left_alone(cluster: Cluster) -> None:
    with closing(Cluster("auto", 1, **SILENT)) as other:
        assert other.idle == 1
    assert reports(cluster, {"a": Does("answer", 1)})[-1].kind == "done"


def test_nothing_is_reported_to_the_makers(cluster: Cluster) -> None:
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert cluster._ray.get(cluster._ray.remote(os.getenv).remote("RAY_USAGE_STATS_ENABLED")) == "0"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "Ray puts its own there"


@pytest.mark.skipif(os.name == "nt", reason="Ray and its processes")
def test_a_task_that_hangs_ends_its_process() -> None:
    code = (
        "from monitor.analysis import cluster; from tests.monitor.analysis.test_pool import Does\n"
        "cluster.START_S = 0.0; cluster._perform(Does('sleep', 60, patience_s=0.3), cluster.versions())"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=50)
    assert done.returncode == 1
    assert "Timeout" in done.stderr


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has not loaded it."""
    monkeypatch.delitem(sys.modules, "ray", raising=False)


@pytest.mark.usefixtures("without_ray")
def test_without_ray_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="not installed") as caught:
        Cluster("auto", None, **SILENT)
    assert caught.value.hint == "pip install 'face-monitor[cluster]'"


@pytest.mark.usefixtures("without_ray")
def test_an_address_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_link, "REACH_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        began_s = time.monotonic()
        with pytest.raises(UsageError, match=f"no Ray cluster answers at {address}") as caught:
            Cluster(address, None, **SILENT)
    assert time.monotonic() - began_s < 8
    assert "ray start" in caught.value.hint
    with pytest.raises(UsageError, match="HOST:PORT"):
        Cluster("ray://somewhere:10001", None, **SILENT)
