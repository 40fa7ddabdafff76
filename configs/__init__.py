"""Presets for `--config NAME`: the YAML files beside this one."""

from pathlib import Path

FOLDER = Path(__file__).parent
"""Where the shipped YAML files are, also in an installed wheel."""
