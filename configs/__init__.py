"""Presets for `--config NAME`: the YAML files beside this one."""
