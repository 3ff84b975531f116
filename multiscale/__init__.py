"""Chemistry and voltage in real cells: reaction, diffusion and electrophysiology from one model.

Names are handed on when they are first used (PEP 562), so that ``import multiscale`` loads nothing.
"""

import sys
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

__version__ = "0.1.0"

_MODULES = MappingProxyType(
    {
        "multiscale.errors": "CompileError FormatError GeometryError ModelError MultiscaleError SolverError UnitError",
        "multiscale.symbols": "Probe section select tag vtrap",
        "multiscale.geometry": "Cable Location Morphology Point Section",
        "multiscale.solids": "Ball Box Frustum Mixed Part Union Voxels",
        "multiscale.triangles": "TriangleMesh",
        "multiscale.probes": "Line Mean Plane",
        "multiscale.sources": "Source",
        "multiscale.segmentation": "DLambda MaxLength SegmentCount",
        "multiscale.regions": "Bath Interface Layers Membrane Region Shell",
        "multiscale.species": "Parameter Species State",
        "multiscale.processes": "Current Flux Rate Reaction",
        "multiscale.dimensions": "check_units",
        "multiscale.model": "Model",
        "multiscale.voxelize.readers": "example_morphology read_morphology",
        "multiscale.voxelize.trimesh_reader": "read_mesh",
        "multiscale.rxd.steppers.adaptive": "Adaptive",
        "multiscale.rxd.steppers.diffusers": "BackwardEuler DouglasGunn RKL2",
        "multiscale.rxd.voxel_mesh": "mesh_of",
        "multiscale.rxd.steppers.lie": "Lie",
        "multiscale.rxd.steppers.strang": "Strang",
        "multiscale.electro.stimuli": "IClamp SEClamp VClamp",
        "multiscale.electro.channels.cal": "cal",
        "multiscale.electro.channels.hh": "hh",
        "multiscale.electro.channels.nakatpase": "nakatpase",
        "multiscale.electro.channels.passive": "passive",
        "multiscale.electro.channels.sk": "sk",
        "multiscale.export.streaming": "ZarrStore",
        "multiscale.solution": "Solution",
        "multiscale.simulate": "Simulation simulate",
    }
)
_HOME = MappingProxyType({name: module for module, names in _MODULES.items() for name in names.split()})

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, listed above


class _Package(ModuleType):
    """The package itself; keeps ``multiscale.simulate`` the function when the file of that name is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'multiscale' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Package
