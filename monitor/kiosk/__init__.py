"""The entrance: a screen and a camera at a door, what is decided there, and who is told."""
