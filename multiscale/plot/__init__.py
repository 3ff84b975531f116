"""Pictures of a Solution: each function takes what ``simulate`` returns and gives back a matplotlib Figure."""

from multiscale.plot.animate import animate
from multiscale.plot.kymograph import kymograph
from multiscale.plot.page import page
from multiscale.plot.shape import shape
from multiscale.plot.shape3d import shape3d
from multiscale.plot.slices import slice, slices
from multiscale.plot.surface import surface
from multiscale.plot.traces import traces
from multiscale.plot.volume import volume

__all__ = ["animate", "kymograph", "page", "shape", "shape3d", "slice", "slices", "surface", "traces", "volume"]
