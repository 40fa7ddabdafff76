"""Frames per second that can be trusted: what is measured, on what machine, against what, with how much noise."""
