"""Meshes as arrays. TreeMesh: the segments of a cell, in the order that elimination on a tree needs."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import GeometryError
from multiscale.geometry import Location


@dataclass(frozen=True, eq=False)
class TreeMesh:
    """Finite volumes on a tree: one node a segment, and junction nodes without volume where branches meet.

    Real nodes are 0..n-1, section after section as in the morphology; node 0 is the root. Junction nodes follow: one at
    the far end of each section where two or more sections start, and one at the root's near end if any section starts
    there. A single section that starts at a far end is joined in series; one that starts in between is joined to the
    centre of the node that holds the place. All arrays are read-only, float64 or int64.

    Attributes:
        n: number of real nodes.
        n_total: number of real and junction nodes.
        parent: node next on the way to the root, -1 at the root, shape (n_total,).
        volume: um^3, 0 at junctions, shape (n_total,).
        area: lateral membrane area, um^2, 0 at junctions, shape (n_total,).
        half_self: integral of ds/(pi r^2) from the node's centre to the point shared with its parent, 1/um; 0 at
            junctions and at the root, shape (n_total,).
        half_parent: the same from the shared point to the parent's centre; 0 where the parent is a junction or the
            node is joined to its parent's centre, and at the root, shape (n_total,).
        run_start: first node of each run; inside a run ``parent[i] == i - 1``; a junction is a run of its own. The
            parent of a run's first node is in an earlier run. Shape (runs,).
        run_stop: one past the last node of each run, shape (runs,).
        length: um, shape (n,).
        diameter: of the cylinder with the node's length and volume, um, shape (n,).
        x: centre, um, shape (n,).
        y: centre, um, shape (n,).
        z: centre, um, shape (n,).
        arc: path length from the start of the section to the centre, um, shape (n,).
        distance: path length from the middle of the root section if that is a soma, else from its start, um,
            shape (n,).
        section: index of the section, shape (n,).
        position: centre as a fraction of the section's length, shape (n,).
        start: x, y, z where the segment starts, um, shape (n, 3).
        end: x, y, z where it ends, um, shape (n, 3).
        section_names: name of each section.
        section_tags: SWC code of each section.
    """

    parent: NDArray[np.int64]
    volume: NDArray[np.float64]
    area: NDArray[np.float64]
    half_self: NDArray[np.float64]
    half_parent: NDArray[np.float64]
    run_start: NDArray[np.int64]
    run_stop: NDArray[np.int64]
    length: NDArray[np.float64]
    diameter: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    arc: NDArray[np.float64]
    distance: NDArray[np.float64]
    section: NDArray[np.int64]
    position: NDArray[np.float64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    section_names: tuple[str, ...]
    section_tags: tuple[int, ...]

    def __post_init__(self) -> None:
        integer = {"parent", "run_start", "run_stop", "section"}
        for name in (field.name for field in fields(self) if not field.name.startswith("section_")):
            array = np.array(getattr(self, name), dtype=np.int64 if name in integer else np.float64, order="C")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def n(self) -> int:
        """Number of real nodes."""
        return self.length.size

    @property
    def n_total(self) -> int:
        """Number of real and junction nodes."""
        return self.parent.size

    @property
    def n_junctions(self) -> int:
        """Number of junction nodes."""
        return self.n_total - self.n

    @property
    def tree(self) -> "TreeMesh":
        """Itself; a mesh with voxels has a tree beside them."""
        return self

    @property
    def tree_start(self) -> int:
        """Number of the first node of the tree."""
        return 0

    def locate(self, location: Location) -> int:
        """The node that holds a place; at a border between two nodes the one farther from the section's start."""
        if location.section not in self.section_names:
            known = ", ".join(f"'{name}'" for name in self.section_names[:5])
            more = "" if len(self.section_names) <= 5 else f" and {len(self.section_names) - 5} more"
            raise GeometryError(
                f"geometry has no section '{location.section}', expected one of {known}{more}; check the name"
            )
        k = self.section_names.index(location.section)
        first, stop = np.searchsorted(self.section, [k, k + 1])
        return int(first) + node_at(location.x, int(stop - first))


def node_at(x: float, count: int) -> int:
    """Which of ``count`` equal segments of a section holds the fraction x, forgiving round-off at borders."""
    return min(int(x * count + 1e-9), count - 1)
