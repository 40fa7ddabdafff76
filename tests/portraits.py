"""The two public-domain portraits of the demo scene, with the detector's six points in them."""

from monitor.sources.demo import portraits

__all__ = ["portraits"]
