"""`monitor train`: data -> crops -> run -> bundle."""

from __future__ import annotations

import typer

from train.commands.calibrate import calibrate
from train.commands.evaluate import evaluate
from train.commands.export import export
from train.commands.fit import fit
from train.commands.inspect import inspect
from train.commands.masked import masked
from train.commands.packing import pack, unpack
from train.commands.prepare import prepare
from train.commands.reproduce import reproduce

app = typer.Typer(
    help="Train a classifier of your own: prepare, fit, export, evaluate; or repeat the paper.", no_args_is_help=True
)
for command in (prepare, inspect, fit, export, calibrate, evaluate, masked, reproduce, pack, unpack):
    app.command()(command)
