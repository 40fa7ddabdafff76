"""What this machine's processors can do, as far as engines care; read from the system, no vendor library needed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

_X86 = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8")
_ARM = ("asimddp", "i8mm")
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")


@dataclass(frozen=True, slots=True)
class Cpu:
    """A processor and those of its features that change an int8 graph."""

    name: str
    arch: str
    """x86_64, arm64, or what the system calls it."""
    features: tuple[str, ...]
    bfloat16: bool = False
    """Whether it multiplies bfloat16 (AVX-512, AMX, ARM); emulated, that is many times slower than float32."""

    @property
    def unsigned(self) -> bool:
        """Activations are unsigned on x86, whose int8 instructions multiply unsigned by signed."""
        return self.arch != "arm64"

    @property
    def reduce_range(self) -> bool:
        """Weights get 7 bits on x86 without VNNI (or not known to have it): it adds pairs of products in 16 bits."""
        return self.arch != "arm64" and not {"avx_vnni", "avx512_vnni", "amx_int8"} & set(self.features)


def cpu() -> Cpu:
    """The processor this program runs on."""
    machine = platform.machine().lower()
    arch = {"amd64": "x86_64", "aarch64": "arm64"}.get(machine, machine)
    facts = _linux_facts() if platform.system() == "Linux" else _mac_facts() if platform.system() == "Darwin" else {}
    name = facts.get("model name") or platform.processor() or arch
    # macOS writes AVX512VNNI where Linux writes avx512_vnni.
    spoken = {flag.replace("_", "").replace(".", "") for flag in facts.get("flags", "").lower().split()}
    features, bfloat16 = (
        [flag for flag in names if flag.replace("_", "") in spoken] for names in (_X86 + _ARM, _BFLOAT16)
    )
    return Cpu(name, arch, tuple(features), bfloat16=bool(bfloat16))


def usable_threads() -> int:
    """Physical cores this process may use, by affinity and container quota; at least 1."""
    logical = usable_processors()
    return max(1, round(min(logical, psutil.cpu_count(logical=False) or logical)))


def usable_processors() -> float:
    """Seconds of processors that this process may use in a second, by affinity and container quota."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return min(float(affinity), int(quota) / int(period))
    except (OSError, ValueError):  # no quota, or no cgroup: nothing to respect
        return float(affinity)


def nvidia_gpu(patience_s: float = 1.0) -> str | None:
    """The first NVIDIA GPU's name; None without one (or without its driver), or where that takes too long to say."""
    for information in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("Model:"):
                return line.partition(":")[2].strip()
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    try:
        query = [tool, "--query-gpu=name", "--format=csv,noheader"]
        said = subprocess.run(query, capture_output=True, text=True, timeout=patience_s, check=True).stdout
    except (OSError, subprocess.SubprocessError):  # a driver without a GPU, or a broken one
        return None
    return said.splitlines()[0].strip() if said.strip() else None


def _linux_facts() -> dict[str, str]:
    """{"model name", "flags"} of the first processor; ARM calls its flags Features."""
    try:
        first = Path("/proc/cpuinfo").read_text(errors="replace").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    return {"model name": facts.get("model name", ""), "flags": facts.get("flags", facts.get("Features", ""))}


def _mac_facts() -> dict[str, str]:
    keys = {"model name": "machdep.cpu.brand_string", "flags": "machdep.cpu.leaf7_features"}
    facts = {}
    for ours, theirs in keys.items():
        try:
            said = subprocess.run(["/usr/sbin/sysctl", "-n", theirs], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.SubprocessError):  # then this is not known
            continue
        facts[ours] = said.stdout.strip()
    return facts
