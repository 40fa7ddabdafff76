"""What Linux knows of its cameras: names from sysfs, modes from the Video4Linux ioctls, users from /proc."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Ioctl = Callable[[int, int, bytearray], object]
"""`fcntl.ioctl`: (file descriptor, request, struct that the kernel fills in); OSError where the list ends."""

# From linux/videodev2.h; the number holds the size of the struct in its bits 16 to 29.
QUERYCAP, ENUM_FMT, ENUM_FRAMESIZES, ENUM_FRAMEINTERVALS = 0x80685600, 0xC0405602, 0xC02C564A, 0xC034564B
VIDEO_CAPTURE, HAS_DEVICE_CAPS, DISCRETE = 0x1, 0x80000000, 1
_MOST = 64  # of anything a camera lists: a broken driver must not keep us for ever


@dataclass(frozen=True)
class CameraInfo:
    """A camera as `monitor cameras` lists it."""

    device: str
    """What --camera takes: `/dev/video0`, or a number where there are no device files."""
    name: str
    modes: tuple[str, ...]
    """Such as `MJPG 1280x720 30 fps`, in the camera's order; the highest rate of each size."""


def list_v4l2(sysfs: Path = Path("/sys/class/video4linux"), dev: Path = Path("/dev")) -> tuple[CameraInfo, ...]:
    """All devices that capture pictures, in the order of their numbers; those that may not be opened have no modes."""
    nodes = sorted(sysfs.glob("video*"), key=lambda node: int("0" + "".join(filter(str.isdigit, node.name))))
    cameras = []
    for node in nodes:
        device = dev / node.name
        name = (node / "name").read_text(errors="replace").strip() if (node / "name").exists() else node.name
        modes = _modes_of(device)
        if modes is not None:
            cameras.append(CameraInfo(str(device), name, modes))
    return tuple(cameras)


def _modes_of(device: Path) -> tuple[str, ...] | None:
    """The device's modes; none known where it may not be opened; None where it captures no pictures."""
    import fcntl  # exists on Unix only

    try:
        fd = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return () if isinstance(error, PermissionError) else None
    try:
        return modes(fd, fcntl.ioctl)
    finally:
        os.close(fd)


def modes(fd: int, ioctl: Ioctl) -> tuple[str, ...] | None:
    """The modes behind an open device; None where it captures no pictures (such as a camera's metadata node)."""
    try:
        answer = _ask(fd, ioctl, QUERYCAP)
    except OSError:  # not a Video4Linux device
        return None
    capabilities, device_caps = struct.unpack_from("=II", answer, 84)
    if not (device_caps if capabilities & HAS_DEVICE_CAPS else capabilities) & VIDEO_CAPTURE:
        return None
    found = []
    for answer in _all(fd, ioctl, ENUM_FMT, "=II", 1):
        fourcc = bytes(answer[44:48])
        found += [f"{fourcc.decode('ascii', 'replace').strip()} {size}" for size in _sizes(fd, ioctl, fourcc)]
    return tuple(found)


def _sizes(fd: int, ioctl: Ioctl, fourcc: bytes) -> Iterator[str]:
    """`1280x720 30 fps` for each size; a range of sizes gives its smallest and largest."""
    for answer in _all(fd, ioctl, ENUM_FRAMESIZES, "=I4s", fourcc):
        (kind,) = struct.unpack_from("=I", answer, 8)
        if kind == DISCRETE:
            width, height = struct.unpack_from("=II", answer, 12)
            yield f"{width}x{height}{_rate(fd, ioctl, fourcc, width, height)}"
        else:
            low_w, high_w, _, low_h, high_h, _ = struct.unpack_from("=6I", answer, 12)
            yield f"{low_w}x{low_h} to {high_w}x{high_h}"
            return


def _rate(fd: int, ioctl: Ioctl, fourcc: bytes, width: int, height: int) -> str:
    """` 30 fps`, the highest rate of this size; empty where the driver does not say."""
    best = 0.0
    for answer in _all(fd, ioctl, ENUM_FRAMEINTERVALS, "=I4sII", fourcc, width, height):
        kind, seconds, parts = struct.unpack_from("=III", answer, 16)  # discrete, or the shortest of a range
        best = max(best, parts / seconds if seconds else 0.0)
        if kind != DISCRETE:
            break
    return f" {best:.4g} fps" if best else ""


def _all(fd: int, ioctl: Ioctl, request: int, layout: str, *key: object) -> Iterator[bytearray]:
    """The answers to index 0, 1, 2, ... until the driver has no more."""
    for index in range(_MOST):
        try:
            yield _ask(fd, ioctl, request, struct.pack(layout, index, *key))
        except OSError:  # EINVAL: the list is over; ENOTTY: there is none
            return


def _ask(fd: int, ioctl: Ioctl, request: int, start: bytes = b"") -> bytearray:
    data = bytearray(request >> 16 & 0x3FFF)
    data[: len(start)] = start
    ioctl(fd, request, data)
    return data


def users_of(device: Path, proc: Path = Path("/proc")) -> tuple[str, ...]:
    """The other programs that have the device open, such as `zoom (1234)`, as far as we may see them."""
    found = []
    target = device.resolve()
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(fd.readlink() == target for fd in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
        except OSError:  # another user's process, or one that has just ended
            continue
    return tuple(found)
