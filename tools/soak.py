"""Does a long run stay flat? Memory, threads and open files of `monitor run` on a looped file, sampled as it runs.

    python tools/soak.py clip.mp4 --frames 20000 --out docs/measurements/soak.json [-- --bundle DIR ...]

Starts `monitor run --source FILE --loop --max-frames N --headless` (and whatever follows `--`), samples the process
every 2 s from its first frame on, and prints and stores one JSON object: medians of the first and the last third of
the samples, and the highest. Exit status: the run's own, or 6 where memory grew by more than --growth-mb.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

CHECK_FAILED = 6
MB = 1e6
LEAST_SAMPLES = 6


def main(arguments: list[str] | None = None) -> int:
    asked = _asked(arguments)
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        command = ["run", "--source", asked.file, "--loop", "--max-frames", str(asked.frames), "--headless"]
        status, samples, said = watch([*command, "--summary", str(summary), *asked.more], asked.every)
        if status:
            print(said, file=sys.stderr)
            return status
        run = json.loads(summary.read_text())
    if len(samples) < LEAST_SAMPLES:
        print(f"only {len(samples)} samples: ask for more --frames, or a smaller --every", file=sys.stderr)
        return 2
    result = {
        "command": " ".join(["monitor", *command, *asked.more]).replace(asked.file, Path(asked.file).name),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        **{key: run[key] for key in ("frames", "seconds", "fps", "engine", "versions")},
        "samples": len(samples),
        **{name: told([sample[name] for sample in samples]) for name in samples[0]},
    }
    text = json.dumps(result, indent=2) + "\n"
    print(text, end="")
    if asked.out is not None:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(text)
    return CHECK_FAILED if result["rss_mb"]["growth"] > asked.growth_mb else 0


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", help="a video; it is looped")
    parser.add_argument("--frames", type=int, default=20_000, help="how many frames in all (default 20000)")
    parser.add_argument("--every", type=float, default=2.0, metavar="S", help="time between samples (default 2)")
    parser.add_argument("--out", type=Path, metavar="JSON", help="where the result is stored")
    parser.add_argument("--growth-mb", type=float, default=20.0, help="growth of memory that is a failure (default 20)")
    given = sys.argv[1:] if arguments is None else arguments
    cut = given.index("--") if "--" in given else len(given)
    asked = parser.parse_args(given[:cut])
    asked.more = given[cut + 1 :]
    return asked


def watch(arguments: list[str], every_s: float) -> tuple[int, list[dict[str, float]], str]:
    """(exit status, samples from the first frame on, what the program said) of one `monitor` run."""
    with tempfile.TemporaryFile("w+") as said:
        process = psutil.Popen([sys.executable, "-m", "monitor", *arguments], stderr=said)
        samples = []
        try:
            while process.poll() is None:
                time.sleep(every_s)
                said.seek(0)
                if "watching" in said.read():  # before that the libraries are being loaded
                    samples += _sample(process)
        finally:
            if process.poll() is None:
                process.terminate()
        said.seek(0)
        return process.wait(), samples, said.read()


def _sample(process: psutil.Process) -> list[dict[str, float]]:
    """One sample; none where the process has just ended."""
    try:
        with process.oneshot():
            return [
                {
                    "rss_mb": process.memory_info().rss / MB,
                    "threads": process.num_threads(),
                    "open_files": process.num_fds() if hasattr(process, "num_fds") else process.num_handles(),
                }
            ]
    except psutil.Error:
        return []


def told(values: list[float]) -> dict[str, Any]:
    """Medians of the first and the last third, what they differ by, and the highest value."""
    third = max(1, len(values) // 3)
    first, last = statistics.median(values[:third]), statistics.median(values[-third:])
    return {name: round(value, 1) for name, value in
            {"first_third": first, "last_third": last, "growth": last - first, "max": max(values)}.items()}  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
