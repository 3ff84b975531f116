"""What the HTML page needs, in arrays that are small and compress well."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from multiscale.plot.scene import Images, Rods, scene_of
from multiscale.voxel_surface import thickened

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.colors import Colormap

STEPS = 4000  # between the ends of the colour scale: finer than colours, so that a part of it can be stretched
GAP = 65535  # stands for a missing value
Packed: TypeAlias = dict[str, NDArray[Any]]


def packed_geometry(images: Images, rods: Rods, frame: NDArray[np.float64]) -> tuple[Packed, dict[str, Any]]:
    """Return what does not depend on values. Nodes are numbered anew: voxels, grid by grid, then 1-D segments.

    Args:
        images: the voxels.
        rods: the 1-D segments.
        frame: unit vectors to the right, upwards and towards the eye when the page opens, shape (3, 3).
    """
    starts = np.cumsum([0, *(image.n for image in images)]).tolist()
    numbered = [replace(image, nodes=start + np.arange(image.n)) for image, start in zip(images, starts, strict=False)]
    scene = scene_of(tuple(numbered), replace(rods, nodes=starts[-1] + np.arange(rods.nodes.size)))
    tubes = scene.first[scene.triangles[:, 0]] >= starts[-1]
    low = np.min([scene.vertices.min(axis=0), *(image.corner for image in images)], axis=0)
    corners = [image.corner + image.dx * np.array(image.shape) for image in images]
    high = np.max([scene.vertices.max(axis=0), *corners], axis=0)
    seen = (scene.vertices - (low + high) / 2) @ frame[:2].T
    least, most = seen.min(axis=0), seen.max(axis=0)
    packed = {
        "vertices": np.rint((scene.vertices - low) / (high - low) * 65535).astype("<u2"),
        "normals": np.rint(scene.normals * 127).astype("i1"),
        "triangles": _changes(scene.triangles.ravel()),
        "first": _changes(scene.first),
        "second": _changes(scene.second),
        "share": np.rint(scene.share * 255).astype("u1"),
        "cells": np.concatenate([image.index - image.low for image in images]).astype("<u2"),
        "fraction": np.concatenate([_fractions(image) for image in images]),
    }
    grids = [
        {"corner": i.corner.tolist(), "shape": list(i.shape), "dx": i.dx, "start": start, "count": i.n}
        for i, start in zip(images, starts, strict=False)
    ]
    main = images[0]
    full = [int(np.bincount(main.index[:, axis] - main.low[axis], main.fraction).argmax()) for axis in range(3)]
    numbers = {
        "low": low.tolist(),
        "high": high.tolist(),
        "fit": ((most - least) / 2).tolist(),
        "pan": ((most + least) / 2).tolist(),
        "grids": grids,
        "at": (main.corner + main.dx * (np.array(full) + 0.5)).tolist(),
        "voxels": starts[-1],
        "nodes": starts[-1] + rods.nodes.size,
        "skin": int((~tubes).sum()) * 3,
        "rods": ((rods.start + rods.end) / 2).round(3).tolist(),
        "steps": STEPS,
    }
    return packed, numbers


def _fractions(image: Any) -> NDArray[np.uint8]:
    """Volume fractions of which one half is the membrane that the surface shows too, 0 to 255, shape (n,)."""
    return np.rint(255 * thickened(image)).astype(np.uint8)


def packed_sections(array: xr.DataArray, nodes: list[NDArray[np.int64]]) -> tuple[NDArray[Any], list[str]]:
    """Return the number of the section of each node and the names; no names where there are no sections."""
    at = np.concatenate(nodes)
    if "section" not in array.coords:
        return np.zeros(at.size, dtype="<u2"), []
    names, numbers = np.unique(array["section"].values[at].astype(str), return_inverse=True)
    return numbers.astype("<u2"), names.tolist() if names.size < GAP else []


def in_steps(values: NDArray[np.float64], low: float, high: float, log: bool) -> NDArray[np.uint16]:
    """Return values of shape (times, nodes) in steps of the colour scale, each time as the change from the last."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.log(values / low) / np.log(high / low) if log else (values - low) / (high - low)
    known = np.isfinite(share)
    steps = np.where(known, np.rint(np.clip(np.where(known, share, 0.0), 0, 1) * STEPS), GAP).astype("<u2")
    return np.diff(steps, axis=0, prepend=np.zeros((1, steps.shape[1]), dtype="<u2"))


def colour_table(colours: Colormap) -> str:
    """Return 256 colours as red, green, blue bytes in base 64."""
    shades = np.asarray(colours(np.linspace(0.0, 1.0, 256)))[:, :3]
    return base64.b64encode(np.rint(shades * 255).astype(np.uint8).tobytes()).decode()


def _changes(array: NDArray[Any]) -> NDArray[np.uint32]:
    """Differences of neighbours, modulo 2^32, which compress better than the numbers, shape as given."""
    return np.diff(array.astype("<u4"), prepend=np.zeros(1, dtype="<u4"))
