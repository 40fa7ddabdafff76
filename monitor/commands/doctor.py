"""`monitor doctor`: what works on this machine, and what mends the rest."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.errors import CheckFailed

if TYPE_CHECKING:
    from monitor.doctor import Check

COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
    config: Annotated[str | None, typer.Option(help="Check for this preset or YAML file.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting.")] = None,
) -> None:
    """Check this machine: cameras, display, decoder, detector, engine, privacy, disk."""
    from monitor.config import load_settings
    from monitor.doctor import examine

    checks = []
    for check in examine(load_settings(config, set_ or ())):
        checks.append(check)
        if not as_json:
            _print(check)
    failed = [check.name for check in checks if check.status == "fail"]
    if as_json:
        typer.echo(json.dumps({"ok": not failed, "checks": [dataclasses.asdict(c) for c in checks]}, indent=2))
    if failed:
        what = f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}"
        raise CheckFailed(what, hint="do what stands under each `fail` line, then run `monitor doctor` again")


def _print(check: Check) -> None:
    typer.echo(f"{typer.style(f'{check.status:<5}', fg=COLOURS[check.status])} {check.name:<10} {check.what}")
    if check.cure:
        typer.echo(f"{'':<16} -> {check.cure}")
