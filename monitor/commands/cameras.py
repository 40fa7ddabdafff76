"""`monitor cameras`: what can be watched."""

from __future__ import annotations

import typer


def cameras() -> None:
    """List the cameras of this machine with their modes."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from monitor.sources.camera_list import list_cameras

    found = list_cameras()
    if not found:
        typer.echo("no camera found (`monitor doctor` says more; `monitor run` plays the demo scene then)")
        return
    table = Table("--camera", "name", "modes")
    for camera in found:
        modes = "\n".join(camera.modes) or "unknown: may it be opened?"
        table.add_row(Text(camera.device), Text(camera.name), Text(modes))
    Console().print(table)
