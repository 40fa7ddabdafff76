"""The command `monitor`: what can be asked, and how every error reaches people as two lines and an exit code.

Nothing heavy is imported here: `monitor --help` must answer at once, so each command loads what it needs.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from monitor.commands.analyze import analyze
from monitor.commands.bench import bench
from monitor.commands.cameras import cameras
from monitor.commands.config import config_app
from monitor.commands.doctor import doctor
from monitor.commands.engine import engine_app
from monitor.commands.events import events_app
from monitor.commands.kiosk import kiosk_app
from monitor.commands.labels import labels_app
from monitor.commands.run import run
from monitor.commands.session import Session
from monitor.commands.train import train_app
from monitor.errors import SinkError

BUG_HINT = "run it again as `monitor --verbose ...` and report the traceback that it prints"


class _Root(TyperGroup):
    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Plain text: loading Rich for the first thing people ask would take more than half of its time."""
        self.rich_markup_mode = None
        super().format_help(ctx, formatter)


app = typer.Typer(
    name="monitor",
    cls=_Root,
    help="Finds every face, judges it as real, fake or mask, and follows it over time. Nothing leaves this machine.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    rich_markup_mode="rich",
)
app.command(context_settings={"allow_extra_args": True})(run)  # run itself says what to do with them
app.command()(analyze)
app.command()(bench)
app.command()(cameras)
app.command()(doctor)
app.add_typer(kiosk_app, name="kiosk")
app.add_typer(config_app, name="config")
app.add_typer(engine_app, name="engine")
app.add_typer(events_app, name="events")
app.add_typer(labels_app, name="labels")
app.add_typer(train_app, name="train")


@app.callback()
def root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more, and print tracebacks.")] = False,
) -> None:
    if verbose:
        ctx.obj.be_verbose()
    if version:
        from monitor.versions import own_version

        typer.echo(f"monitor {own_version()}")
    elif ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main() -> int:
    """Runs the command line; the exit status."""
    session = Session()
    try:
        status = app(obj=session, standalone_mode=False, prog_name="monitor")
        if sys.stdout is not None:
            sys.stdout.flush()  # now, while an error can still be told
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer hides it behind an exit
            return _reader_gone()
        raise
    except Exception as error:
        return _report(error, session)
    return status if isinstance(status, int) else 0


def _reader_gone() -> int:
    """Whoever read our output (`| head`) has seen enough: that is asked to stop, not an error."""
    _mute()
    return 0


def _mute() -> None:
    """What stdout still holds goes nowhere when the interpreter flushes at its end."""
    if sys.__stdout__ is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())


def _report(error: Exception, session: Session) -> int:
    """Prints what happened and what to do; the exit code of its kind."""
    code, what, hint = _explain(error)
    if session.verbose:
        traceback.print_exception(error)
    for line in (f"error: {what}", f"hint: {hint}"):
        typer.echo(" ".join(line.split()), err=True)
    return code


def _explain(error: Exception) -> tuple[int, str, str]:
    """(exit code, what happened, what to do)."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        _mute()  # it may have been stdout's
        return (
            SinkError.exit_code,
            f"no space left: {error.filename or 'the output cannot be written'}",
            "make some room there",
        )
    hint = getattr(error, "hint", None)
    if isinstance(hint, str):  # MonitorError or EngineError; engines is not imported for this, it loads numpy
        return getattr(error, "exit_code", 1), str(error), hint or BUG_HINT
    if callable(format_message := getattr(error, "format_message", None)):  # a usage error of typer's parser
        ctx = getattr(error, "ctx", None)
        return 2, format_message(), f"`{ctx.command_path if ctx else 'monitor'} --help` shows what is possible"
    return 1, f"this is a bug of ours: {type(error).__name__}: {error}", BUG_HINT
