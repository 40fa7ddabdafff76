"""`monitor kiosk`: the entrance, and its secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.commands.run import FLAGS as RUN_FLAGS
from monitor.commands.run import option_for
from monitor.commands.stop import StopFlag
from monitor.errors import UsageError
from monitor.kiosk_settings import PolicySettings, ScreenSettings, ServerSettings, StoreSettings

kiosk_app = typer.Typer(invoke_without_command=True)
_SHARED = ("camera", "source", "loop", "pace", "duration", "mirror", "width", "height", "fps", "detector_tiles",
           "bundle", "runtime", "precision", "require_gpu")  # fmt: skip
FLAGS = {name: RUN_FLAGS[name] for name in _SHARED} | {
    "require": ("--require", PolicySettings, "kiosk.policy.require"),
    "language": ("--language", ScreenSettings, "kiosk.screen.languages"),
    "sound": ("--sound", ScreenSettings, "kiosk.screen.sound"),
    "host": ("--host", ServerSettings, "kiosk.server.host"),
    "port": ("--port", ServerSettings, "kiosk.server.port"),
    "name": ("--name", ServerSettings, "kiosk.server.hosts"),
    "tls_cert": ("--tls-cert", ServerSettings, "kiosk.server.tls_cert"),
    "tls_key": ("--tls-key", ServerSettings, "kiosk.server.tls_key"),
    "behind_proxy": ("--behind-proxy", ServerSettings, "kiosk.server.behind_proxy"),
    "credentials": ("--credentials", ServerSettings, "kiosk.server.credentials"),
    "store": ("--store", StoreSettings, "kiosk.store.file"),
    "snapshots": ("--snapshots", StoreSettings, "kiosk.store.snapshots"),
}
"""{parameter: (flag, settings class, key)}, as in monitor.commands.run."""
ENGINE = "Detector and engine"
CREDENTIALS = "File with the hashed secrets; none = as `monitor kiosk` uses."


def _option(name: str, metavar: str | None = None, panel: str = "Source") -> Any:
    return option_for(FLAGS[name], metavar, panel)


@kiosk_app.callback()
def kiosk(
    ctx: typer.Context,
    camera: Annotated[str | None, _option("camera", "N|DEVICE")] = None,
    source: Annotated[str | None, _option("source", "WHAT")] = None,
    loop: Annotated[bool | None, _option("loop")] = None,
    pace: Annotated[float | None, _option("pace", "FPS")] = None,
    duration: Annotated[float | None, _option("duration", "S")] = None,
    mirror: Annotated[bool | None, _option("mirror")] = None,
    width: Annotated[int | None, _option("width", "PX")] = None,
    height: Annotated[int | None, _option("height", "PX")] = None,
    fps: Annotated[float | None, _option("fps", "FPS")] = None,
    require: Annotated[str | None, _option("require", "mask|no_mask|none", "Door")] = None,
    language: Annotated[list[str] | None, _option("language", "NAME", "Door")] = None,
    sound: Annotated[str | None, _option("sound", "off|chime|speech", "Door")] = None,
    host: Annotated[str | None, _option("host", "ADDRESS", "Server")] = None,
    port: Annotated[int | None, _option("port", "N", "Server")] = None,
    name: Annotated[list[str] | None, _option("name", "HOST", "Server")] = None,
    tls_cert: Annotated[Path | None, _option("tls_cert", "FILE", "Server")] = None,
    tls_key: Annotated[Path | None, _option("tls_key", "FILE", "Server")] = None,
    behind_proxy: Annotated[bool | None, _option("behind_proxy", panel="Server")] = None,
    credentials: Annotated[Path | None, _option("credentials", "FILE", "Server")] = None,
    store: Annotated[Path | None, _option("store", "FILE", "Events")] = None,
    snapshots: Annotated[str | None, _option("snapshots", "none|blurred|full", "Events")] = None,
    detector_tiles: Annotated[str | None, _option("detector_tiles", "auto|off|2x2|3x2", ENGINE)] = None,
    bundle: Annotated[str | None, _option("bundle", "NAME|DIR", ENGINE)] = None,
    runtime: Annotated[str | None, _option("runtime", "auto|onnxruntime|tensorrt|tensorrt-rtx", ENGINE)] = None,
    precision: Annotated[str | None, _option("precision", "int8|fp16|fp32", ENGINE)] = None,
    require_gpu: Annotated[bool | None, _option("require_gpu", panel=ENGINE)] = None,
    open_: Annotated[bool, typer.Option("--open", help="Start the browser, full-screen.")] = False,
    config: Annotated[str, typer.Option(help="A preset or a YAML file.")] = "kiosk",
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting.")] = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log one JSON object a line.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more, and print tracebacks.")] = False,
) -> int | None:
    """Guard a door: a screen for visitors at /, a page for the manager at /manage.

    Without --camera or --source: the first camera that answers; never the demo unless it is asked for.
    """
    given = locals()
    if ctx.invoked_subcommand is not None:
        return None
    if verbose:
        ctx.obj.verbose = True
    if camera is not None and source is not None:
        raise UsageError("--camera and --source are both given: there can be one source", hint="leave one of them out")

    from monitor.commands.run import given_options
    from monitor.config import load_settings

    settings = load_settings(config, set_ or (), given_options(FLAGS, given))
    stop = StopFlag()
    with stop.listening():
        from monitor.kiosk.logs import configure
        from monitor.kiosk.run import run

        configure(as_json=log_json, verbose=verbose)
        return run(settings, say=_say, opened=_open_browser if open_ else _leave_closed, stopped=stop)


@kiosk_app.command("set-password")
def set_password(
    credentials: Annotated[Path | None, typer.Option(metavar="FILE", help=CREDENTIALS)] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read it from the standard input, one line.")] = False,
) -> int:
    """Set the manager's password. It is stored hashed (Argon2id); a running kiosk takes it at its next start."""
    import sys

    from monitor.kiosk.web.credentials import place_of
    from monitor.kiosk.web.credentials import set_password as store

    password = sys.stdin.readline().rstrip("\n") if stdin else _prompt()
    file = place_of(credentials)
    store(file, password)
    typer.echo(f"stored in {file}")
    return 0


def _prompt() -> str:
    """The password, typed twice. Raises UsageError."""
    try:
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    except typer.Abort:  # nobody is there to answer, or somebody who would rather not
        raise UsageError("no password was set", hint="type it twice, or give it with --stdin") from None


@kiosk_app.command("new-token")
def new_token(credentials: Annotated[Path | None, typer.Option(metavar="FILE", help=CREDENTIALS)] = None) -> int:
    """Make the token that a screen on another machine needs. From the next start on no earlier one holds."""
    from monitor.kiosk.web.credentials import new_token as make
    from monitor.kiosk.web.credentials import place_of

    token = make(place_of(credentials))
    typer.echo(f"open the screen once with /?token={token}")
    typer.echo("a running kiosk takes it at its next start", err=True)
    return 0


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _leave_closed(_url: str) -> None:
    """Whoever wants the screen opens it."""


def _open_browser(url: str) -> None:
    from monitor.kiosk.browser import open_browser

    problem = open_browser(url)
    if problem:
        typer.echo(f"no browser: {problem}; open {url} yourself", err=True)
