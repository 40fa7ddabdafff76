"""The commands of `monitor train`, a file each; heavy parts are loaded inside the command that needs them."""
