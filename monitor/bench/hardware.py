"""The machine that is measured, and what a reader must know of it before he trusts a number."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from engines.machine import cpu, nvidia_gpu, usable_threads

ROOT = Path("/")
FREQUENCY = Path("sys/devices/system/cpu/cpu0/cpufreq")
LOOK_S = 0.5
"""How long others are watched before we start."""
BUSY, OTHERS, STOLEN, FULL = 0.1, 0.03, 0.01, 0.9
"""Shares from which a note is due: of the processors before it began and while it ran, of their time, of the memory."""
HOT_C = 90.0
SELF_DRIVEN = ("intel_pstate", "amd-pstate-epp")
"""Drivers whose governor `powersave` is the usual one: the processor chooses its clock itself."""
GPU_FACTS = ("driver_version", "clocks.sm", "power.draw", "temperature.gpu", "pstate")


def machine(root: Path = ROOT) -> dict[str, Any]:
    """What is known of the machine now, ready for JSON; None is what cannot be known here.

    `root` is where /sys and /proc are.
    """
    memory = psutil.virtual_memory()
    return {
        "cpu": cpu().name, "features": list(cpu().features), "architecture": cpu().arch, "cores": usable_threads(),
        "logical": psutil.cpu_count() or None, "memory_gb": round(memory.total / 1e9, 1),
        "memory_used_share": round(memory.percent / 100, 3), "gpu": _gpu(), "os": _system(root),
        "kernel": platform.release(), "python": platform.python_version(),
        "governor": _text(root / FREQUENCY / "scaling_governor"), "driver": _text(root / FREQUENCY / "scaling_driver"),
        "mhz_max": _mhz_max(root), "container": _container(root), "quota": _text(root / "sys/fs/cgroup/cpu.max"),
        "power_mode": _text(root / "sys/firmware/acpi/platform_profile"), "battery": _battery(),
        "virtual": _virtual(root),
        "load": round(psutil.getloadavg()[0], 2), "others_share": _others(), "throttled": _throttled(root),
        "busy_s": _busy_s(), "own_s": _own_s(), "stolen_s": _stolen_s(root), "up_s": _up_s(root), **readings(),
    }  # fmt: skip


def readings() -> dict[str, float]:
    """{mhz, temperature_c} as far as sensors tell; cheap."""
    found: dict[str, float] = {}
    frequency = _quietly(psutil.cpu_freq)
    if frequency is not None and frequency.current > 0:
        found["mhz"] = round(frequency.current, 0)
    sensors = _quietly(getattr(psutil, "sensors_temperatures", lambda: {})) or {}
    heats = [
        one.current for kind in ("coretemp", "k10temp", "zenpower", "cpu_thermal") for one in sensors.get(kind, ())
    ]
    if heats:
        found["temperature_c"] = round(max(heats), 1)
    return found


def notes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """What makes the numbers of a run between two looks at the machine less than they seem."""
    told = []
    if (before["others_share"] or 0) > BUSY:
        told.append(f"other programs used {before['others_share']:.0%} of the processors when it began")
    others = _share(after["busy_s"] - before["busy_s"] - (after["own_s"] - before["own_s"]), before, after)
    if (others or 0) > OTHERS:
        told.append(f"other programs used {others:.0%} of the processors while it ran")
    battery = after["battery"]
    if battery is not None and not battery["plugged"]:
        told.append(f"it ran on battery ({battery['percent']:.0f} %)")
    if before["governor"] == "powersave" and before["driver"] not in SELF_DRIVEN:
        told.append("the processors' governor is powersave")
    if before["power_mode"] in ("low-power", "quiet", "cool"):
        told.append(f"the power mode is {before['power_mode']}")
    if (after["throttled"] or 0) > (before["throttled"] or 0):
        told.append("the processors were slowed down because of their heat while it ran")
    if after.get("temperature_c", 0) >= HOT_C:
        told.append(f"the processors were at {after['temperature_c']:.0f} °C in the end")
    if after["memory_used_share"] > FULL:
        told.append(f"the memory was {after['memory_used_share']:.0%} full")
    if before["virtual"]:
        told.append(f"it is a virtual machine ({before['virtual']}): what its neighbours do cannot be seen")
    known = None not in (before["stolen_s"], after["stolen_s"])
    stolen = _share(after["stolen_s"] - before["stolen_s"], before, after) if known else None
    if stolen is not None and stolen > STOLEN:
        told.append(f"{stolen:.1%} of the processors' time went to other machines of the same host")
    return tuple(told)


def _share(spent_s: float, before: Mapping[str, Any], after: Mapping[str, Any]) -> float | None:
    """Of all processors' time between two looks."""
    if None in (before["up_s"], after["up_s"]) or after["up_s"] <= before["up_s"]:
        return None
    return float(spent_s / ((after["up_s"] - before["up_s"]) * (after["logical"] or 1)))


def _busy_s() -> float:
    """Seconds that all processors worked since the start."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def _own_s() -> float:
    """Seconds that this process and those it waited for worked."""
    times = psutil.Process().cpu_times()
    return float(sum(times[:4]))


def _others() -> float:
    """Share of all processors that is used while we do nothing."""
    return round(psutil.cpu_percent(interval=LOOK_S) / 100, 3)


def _battery() -> dict[str, Any] | None:
    found = _quietly(getattr(psutil, "sensors_battery", lambda: None))
    return None if found is None else {"plugged": bool(found.power_plugged), "percent": round(found.percent, 1)}


def _virtual(root: Path) -> str | None:
    """The hypervisor's maker; empty on bare metal, as far as the processor says; None where it does not."""
    flags = re.search(r"^(flags|Features)\s*:(.*)$", _text(root / "proc/cpuinfo") or "", re.MULTILINE)
    if flags is None or flags[1] != "flags":
        return None
    maker = _text(root / "sys/class/dmi/id/sys_vendor") or _text(root / "sys/hypervisor/type")
    return (maker or "of an unknown kind") if "hypervisor" in flags[2].split() else ""


def _mhz_max(root: Path) -> float | None:
    """What the first processor reaches at most, as far as the system says."""
    text = _text(root / FREQUENCY / "cpuinfo_max_freq")
    return int(text) / 1e3 if text is not None and text.isdigit() else None


def _container(root: Path) -> bool:
    """Whether a container holds this process, as Docker, Podman and Kubernetes tell it."""
    marks = (root / ".dockerenv", root / "run/.containerenv", root / "run/secrets/kubernetes.io")
    return any(mark.exists() for mark in marks)


def _throttled(root: Path) -> int | None:
    """How often the processors were slowed down because of heat since the start; None where nobody counts."""
    counters = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/*_throttle_count")
    counts = [int(text) for path in counters if (text := _text(path)) is not None and text.isdigit()]
    return sum(counts) if counts else None


def _stolen_s(root: Path) -> float | None:
    """Seconds of all processors that the host gave to others since the start; see proc(5), /proc/stat."""
    fields = ((_text(root / "proc/stat") or "").splitlines() or [""])[0].split()
    if len(fields) < 9 or fields[0] != "cpu":
        return None
    return int(fields[8]) / float(os.sysconf("SC_CLK_TCK"))


def _up_s(root: Path) -> float | None:
    text = _text(root / "proc/uptime")
    return float(text.split()[0]) if text else None


def _system(root: Path) -> str:
    """The name people know the system by."""
    named = re.search(r'^PRETTY_NAME="?([^"\n]+)', _text(root / "etc/os-release") or "", re.MULTILINE)
    return named[1] if named else f"{platform.system()} {platform.release()}"


def _gpu() -> dict[str, str] | None:
    """The first NVIDIA GPU and its state; None without one."""
    name, tool = nvidia_gpu(patience_s=5), shutil.which("nvidia-smi")
    if name is None:
        return None
    query = [tool or "nvidia-smi", f"--query-gpu={','.join(GPU_FACTS)}", "--format=csv,noheader", "--id=0"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {"name": name}
    return {"name": name, **dict(zip(GPU_FACTS, (part.strip() for part in said.split(",")), strict=False))}


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def _quietly(ask: Any) -> Any:
    """What psutil says; None where this system does not tell."""
    try:
        return ask()
    except (OSError, AttributeError, NotImplementedError, RuntimeError):
        return None
