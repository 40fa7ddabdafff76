"""All experiments that were asked for, one after the other; what is finished is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.files import told_as_sink_error, write_whole
from train.errors import TrainError
from train.fit import Say
from train.manifest import Prepared
from train.reproduction.experiment import Experiment, experiments, load_schedule
from train.reproduction.pictures import as_paper, drawn, honest, read
from train.reproduction.run import Job, finish
from train.reproduction.table import report, summary


def reproduce(
    root: Path, out: Path, names: Sequence[str], *, schedule: str, weights: str = "none",
    known_groups: Mapping[str, str] | None = None, say: Say = print, stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any] | None:  # fmt: skip
    """The summary, after writing reproduce.json, reproduce.md and figures into `out`; None where it was stopped.

    `names` empty = all. What others of this schedule have given in `out` before stays in the tables. `known_groups`
    (path below `root` -> group) say what belongs together; without them near-duplicates do. Results are written after
    every run, so that an end in the middle keeps what is finished. Raises TrainError, DataError, SinkError.
    """
    known = experiments()
    if unknown := sorted(set(names) - set(known)):
        raise TrainError(f"no experiment {', '.join(unknown)}", hint=f"choose out of: {', '.join(known)}")
    chosen = {name: known[name] for name in known if not names or name in names}
    with told_as_sink_error(out, "make the folder"):
        (out / "runs").mkdir(parents=True, exist_ok=True)
    results = _before(known, chosen, schedule, weights, out)
    told = {name: experiment for name, experiment in known.items() if name in chosen or name in results}
    for job in _jobs(chosen, root, schedule, weights, known_groups, say):
        result = finish(job, out / "runs" / job.name, say=say, stopped=stopped)
        if result is None:
            return None
        results[job.name] = result
        _draw(job, result, out)
        _write(told, results, schedule, out)
    return summary(told, results, schedule)


def _before(
    known: Mapping[str, Experiment], chosen: Mapping[str, Experiment], schedule: str, weights: str, out: Path
) -> dict[str, Any]:
    """Finished results of the experiments that are not asked for now."""
    found: dict[str, Any] = {}
    for name in (run for other in known if other not in chosen for run in (other, f"{other}-honest")):
        file = out / "runs" / name / "result.json"
        stored = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if (stored.get("schedule"), stored.get("weights")) == (schedule, weights):
            found[name] = stored
    return found


def _jobs(
    chosen: Mapping[str, Experiment], root: Path, schedule: str, weights: str, known: Mapping[str, str] | None, say: Say
) -> Iterator[Job]:
    plan = load_schedule(schedule)
    for name, experiment in chosen.items():
        say(f"{name}: reading pictures")
        pictures = drawn(read(experiment, root, plan.input_px), experiment)
        made: list[tuple[str, Prepared]] = [(name, as_paper(pictures, experiment, known))]
        if experiment.honest:
            made.append((f"{name}-honest", honest(pictures, experiment, known)))
        for job_name, data in made:
            recipe = experiment.recipe_for(name, plan, len(data.where("train")))
            yield Job(job_name, data, recipe, weights, schedule)


def _draw(job: Job, result: Mapping[str, Any], out: Path) -> None:
    from train.reproduction.figures import confusion, curves

    curves(out / "runs" / job.name / "log.csv", job.name, out / f"{job.name}-curves.png")
    confusion(result, job.name, out / f"{job.name}-confusion.png")


def _write(chosen: Mapping[str, Experiment], results: Mapping[str, Any], schedule: str, out: Path) -> None:
    write_whole(out / "reproduce.json", json.dumps(summary(chosen, results, schedule), indent=1).encode())
    write_whole(out / "reproduce.md", report(chosen, results, schedule).encode())
