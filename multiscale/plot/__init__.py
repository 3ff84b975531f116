"""Pictures of a Solution: each function takes what ``simulate`` returns and gives back a matplotlib Figure."""

from multiscale.plot.animate import animate
from multiscale.plot.kymograph import kymograph
from multiscale.plot.shape import shape
from multiscale.plot.shape3d import shape3d
from multiscale.plot.traces import traces

__all__ = ["animate", "kymograph", "shape", "shape3d", "traces"]
