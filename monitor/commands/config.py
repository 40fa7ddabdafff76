"""`monitor config`: what can be set, and the presets."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, TypeVar

import typer

from monitor.redact import redact
from monitor.settings import SourceSettings
from monitor.several_settings import OneSource

Named = TypeVar("Named", SourceSettings, OneSource)

config_app = typer.Typer(help="Show settings and presets.", no_args_is_help=False)


@config_app.command("show")
def show(
    config: Annotated[str | None, typer.Option(help="A preset or a YAML file.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting.")] = None,
) -> None:
    """Print every setting with its meaning, as YAML that `--config` reads."""
    from monitor.config import load_settings
    from monitor.config import show as as_yaml

    settings = load_settings(config, set_ or ())
    settings = replace(
        settings, source=_shown(settings.source), sources=tuple(_shown(one) for one in settings.sources),
    )  # fmt: skip
    webhook = settings.kiosk.webhook
    if webhook.url is not None:
        settings = replace(settings, kiosk=replace(settings.kiosk, webhook=replace(webhook, url=redact(webhook.url))))
    typer.echo(as_yaml(settings), nl=False)


def _shown(source: Named) -> Named:
    """The source without the secrets of its address, also of a mistyped or misplaced one."""
    camera, uri = (None if text is None else redact(text) for text in (source.camera, source.uri))
    return replace(source, camera=camera, uri=uri)


@config_app.command("list")
def list_presets() -> None:
    """List the presets for `--config NAME`."""
    from monitor.config import presets

    for name, meaning in presets().items():
        typer.echo(f"{name:<10}{meaning}")
