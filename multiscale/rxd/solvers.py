"""The solvers that generated loops call, as one compiled library."""

from types import ModuleType

from multiscale.rxd import adi, cable, coupling, diffusion, hines, voxel_diffusion, voxel_rkl2, voxel_stages

# callees first
SOLVERS: tuple[ModuleType, ...] = (hines, diffusion, cable, coupling, adi, voxel_stages, voxel_rkl2, voxel_diffusion)
