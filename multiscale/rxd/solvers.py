"""The solvers that generated loops call, as one compiled library."""

from types import ModuleType

from multiscale.rxd import cable, diffusion, hines

# callees first
SOLVERS: tuple[ModuleType, ...] = (hines, diffusion, cable)
