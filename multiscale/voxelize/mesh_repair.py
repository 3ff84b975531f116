"""Repair of a TriangleMesh: cracks, double triangles, wrong orientation, holes, overlapping bodies. Nothing in silence.

Each step is done only where it is needed, and says in a sentence what it did.
"""

from collections import defaultdict
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from multiscale.errors import GeometryError
from multiscale.segmentation import Floats, Ints
from multiscale.triangles import TriangleMesh, joined

CRACK = 0.1  # of the median open edge: corners there that are nearer to each other than this are one


def repaired(mesh: TriangleMesh) -> TriangleMesh:
    """The mesh, closed and facing outwards as far as that can be done; its ``repairs`` say how."""
    done = list(mesh.repairs)
    vertices, faces = mesh.vertices, joined(mesh)
    vertices, faces = _without_cracks(vertices, faces, done)
    faces = _without_doubles(faces, done)
    faces = _oriented(faces, mesh.name, done)
    vertices, faces = _without_holes(vertices, faces, done)
    if len(faces) < 4:
        raise GeometryError(f"mesh '{mesh.name}' has no closed surface, expected one; close it in a mesh editor")
    faces = _outwards(vertices, faces, mesh.name, done)
    clean = TriangleMesh(vertices, faces, mesh.name, repairs=tuple(done))
    if clean.flaw or clean.bodies == 1 or not _boxes_meet(clean):
        return clean
    return _united(clean)


def _edges(faces: Ints) -> tuple[Ints, Ints]:
    """First and second corner of the three edges of each triangle, shape (3 m,)."""
    return faces.ravel(), faces[:, [1, 2, 0]].ravel()


def _keys(first: Ints, second: Ints) -> Ints:
    """A number for each pair."""
    return np.asarray(first * (max(first.max(initial=0), second.max(initial=0)) + 1) + second)


def _lone(faces: Ints) -> tuple[Ints, Ints]:
    """The edges that no triangle runs along the other way, from corner to corner."""
    start, end = _edges(faces)
    alone = ~np.isin(_keys(start, end), _keys(end, start))
    return start[alone], end[alone]


def _without_cracks(vertices: Floats, faces: Ints, done: list[str]) -> tuple[Floats, Ints]:
    """Corners at open edges that lie next to each other become one."""
    start, end = _edges(faces)
    key = _keys(np.minimum(start, end), np.maximum(start, end))
    _, inverse, count = np.unique(key, return_inverse=True, return_counts=True)
    is_open = count[inverse] == 1
    rim = np.unique(np.concatenate([start[is_open], end[is_open]]))
    if rim.size < 2:
        return vertices, faces
    near = CRACK * float(np.median(np.linalg.norm(vertices[start[is_open]] - vertices[end[is_open]], axis=1)))
    pairs = cKDTree(vertices[rim]).query_pairs(near, output_type="ndarray")
    if len(pairs) == 0:
        return vertices, faces
    n = rim.size
    label = connected_components(coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n)))[1]
    first = np.full(n, n)
    np.minimum.at(first, label, np.arange(n))
    renamed = np.arange(len(vertices))
    renamed[rim] = rim[first[label]]
    done.append(f"joined {n - label.max() - 1} corners at cracks narrower than {1000 * near:.3g} nm")
    return vertices, renamed[faces]


def _without_doubles(faces: Ints, done: list[str]) -> Ints:
    """Triangles with a corner twice go, and of triangles with the same corners all but one."""
    corners = np.sort(faces, axis=1)
    real = np.flatnonzero((corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2]))
    _, kept = np.unique(corners[real], axis=0, return_index=True)
    if kept.size < len(faces):
        done.append(f"removed {len(faces) - kept.size} triangles without extent or there twice")
    return faces[np.sort(real[kept])]


def _pairs(faces: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Triangles side by side at edges of exactly two, and whether both run along the edge in the same direction."""
    start, end = _edges(faces)
    key = _keys(np.minimum(start, end), np.maximum(start, end))
    order = np.argsort(key, kind="stable")
    key, up = key[order], (start < end)[order]
    same = key[1:] == key[:-1]
    two = same & ~np.append(same[1:], False) & ~np.insert(same[:-1], 0, False)
    at = np.flatnonzero(two)
    return order[at] // 3, order[at + 1] // 3, up[at] == up[at + 1]


def _oriented(faces: Ints, name: str, done: list[str]) -> Ints:
    """Neighbours run along their edge in opposite directions; the fewest triangles of each body are turned.

    In a graph with two nodes a triangle, as it is and turned, each consistent choice is a connected piece.
    """
    a, b, against = _pairs(faces)
    m = len(faces)
    row, column = np.concatenate([a, a + m]), np.concatenate([b + m * against, b + m * ~against])
    label = connected_components(coo_array((np.ones(row.size, np.int8), (row, column)), shape=(2 * m, 2 * m)))[1]
    if (label[:m] == label[m:]).any():
        raise GeometryError(f"mesh '{name}' has only one side, like a Moebius strip, expected an inside; correct it")
    size = np.bincount(label[:m], minlength=label.max() + 1)  # of triangles that a piece takes as they are
    turn = (size[label[m:]] > size[label[:m]]) | ((size[label[m:]] == size[label[:m]]) & (label[m:] < label[:m]))
    if turn.any():
        done.append(f"turned {int(turn.sum())} triangles that faced the other way than their neighbours")
    return np.where(turn[:, None], faces[:, ::-1], faces)


def _without_holes(vertices: Floats, faces: Ints, done: list[str]) -> tuple[Floats, Ints]:
    """Each closed line of open edges gets a lid: one triangle, or a fan around the middle of the line."""
    start, end = _lone(faces)
    onward: dict[int, list[int]] = defaultdict(list)
    for a, b in zip(start.tolist(), end.tolist(), strict=True):
        onward[b].append(a)  # a lid runs the other way
    lids: list[Any] = []
    middles: list[Any] = []
    holes = 0
    while onward:
        here = first = next(iter(onward))
        line = []
        while here in onward:
            line.append(here)
            following = onward[here].pop()
            if not onward[here]:
                del onward[here]
            here = following
            if here == first:
                break
        if here != first or len(line) < 3:
            continue
        holes += 1
        if len(line) == 3:
            lids.append(line)
            continue
        middle = len(vertices) + len(middles)
        middles.append(vertices[line].mean(axis=0))
        lids += [[p, q, middle] for p, q in zip(line, [*line[1:], line[0]], strict=True)]
    if not lids:
        return vertices, faces
    vertices = np.vstack([vertices, *middles])
    corners = vertices[np.array(lids)]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
    done.append(f"closed {holes} hole{'s' * (holes > 1)} with {len(lids)} triangles of {area:.4g} um^2 in all")
    return vertices, np.vstack([faces, np.array(lids)])


def _outwards(vertices: Floats, faces: Ints, name: str, done: list[str]) -> Ints:
    """Bodies in no other face outwards; those inside others keep what they are, a body or a cavity."""
    mesh = TriangleMesh(vertices, faces, name)
    body, (corner, vector) = mesh.body_of_face, mesh.vector_areas
    volume = np.bincount(body, np.einsum("ij,ij->i", corner, vector)) / 3
    wrong = [b for b in np.flatnonzero(volume < 0).tolist() if not _is_inside_another(vertices, faces, body, b)]
    if not wrong:
        return faces
    done.append(f"turned {len(wrong)} bod{'ies' if len(wrong) > 1 else 'y'} inside out, which faced inwards")
    return np.where(np.isin(body, wrong)[:, None], faces[:, ::-1], faces)


def _is_inside_another(vertices: Floats, faces: Ints, body: Ints, which: int) -> bool:
    """Whether a body's first corner lies inside any other body, by the solid angles at which it sees their triangles.

    Source: Van Oosterom and Strackee (1983), IEEE Trans. Biomed. Eng. 30, 125, equation 8.
    """
    point = vertices[faces[np.argmax(body == which), 0]]
    a, b, c = (vertices[faces[:, d]] - point for d in range(3))
    la, lb, lc = (np.linalg.norm(e, axis=1) for e in (a, b, c))
    ab, bc, ca = (np.einsum("ij,ij->i", e, f) for e, f in ((a, b), (b, c), (c, a)))
    over = np.einsum("ij,ij->i", a, np.cross(b, c))
    angle = 2 * np.arctan2(over, la * lb * lc + ab * lc + bc * la + ca * lb)
    around = np.abs(np.bincount(body, np.where(body == which, 0.0, angle)))
    return bool((around > 2 * np.pi).any())


def _boxes_meet(mesh: TriangleMesh) -> bool:
    """Whether the boxes around any two bodies overlap."""
    body = mesh.body_of_face
    order = np.argsort(body, kind="stable")
    first = np.searchsorted(body[order], np.arange(mesh.bodies))
    corners = mesh.vertices[mesh.faces[order]]
    low = np.minimum.reduceat(corners.min(axis=1), first)
    high = np.maximum.reduceat(corners.max(axis=1), first)
    along = np.argsort(low[:, 0])
    low, high = low[along], high[along]
    for k in range(mesh.bodies - 1):
        stop = np.searchsorted(low[:, 0], high[k, 0])
        if ((low[k + 1 : stop] < high[k]) & (high[k + 1 : stop] > low[k])).all(axis=1).any():
            return True
    return False


def _united(mesh: TriangleMesh) -> TriangleMesh:
    """Bodies that may overlap, united by manifold3d where it is installed; cavities are taken out of them."""
    if find_spec("manifold3d") is None:
        text = "left bodies that may overlap as they are, since the package manifold3d is not installed"
        return TriangleMesh(mesh.vertices, mesh.faces, mesh.name, repairs=(*mesh.repairs, text))
    import manifold3d

    body, (corner, vector) = mesh.body_of_face, mesh.vector_areas
    volume = np.bincount(body, np.einsum("ij,ij->i", corner, vector)) / 3
    whole = manifold3d.Manifold()
    for b in np.argsort(-np.abs(volume), kind="stable").tolist():  # what is inside another comes later
        faces = mesh.faces[body == b]
        used, corners = np.unique(faces if volume[b] > 0 else faces[:, ::-1], return_inverse=True)
        part = manifold3d.Mesh64(mesh.vertices[used], corners.reshape(-1, 3).astype(np.uint64))
        solid = manifold3d.Manifold(part)
        if solid.status() != manifold3d.Error.NoError:
            return mesh  # not a surface that it accepts; the voxelizer says whether bodies overlap
        whole = whole + solid if volume[b] > 0 else whole - solid
    result = whole.to_mesh64()
    after = TriangleMesh(np.array(result.vert_properties)[:, :3], np.array(result.tri_verts, dtype=np.int64), mesh.name)
    if after.flaw or abs(after.volume - mesh.volume) <= 1e-9 * abs(mesh.volume):
        return mesh  # nothing overlapped
    text = f"united {mesh.bodies} bodies into {after.bodies}: volume {mesh.volume:.4g} -> {after.volume:.4g} um^3"
    return TriangleMesh(after.vertices, after.faces, mesh.name, repairs=(*mesh.repairs, text))
