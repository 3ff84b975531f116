"""Files of triangles: every format, what is refused and why, and what a repair does and says."""

import re
from importlib.util import find_spec

import numpy as np
import pytest
import trimesh

from multiscale.errors import FormatError
from multiscale.triangles import TriangleMesh
from multiscale.units import nm, um
from multiscale.voxelize import mesh_repair
from multiscale.voxelize.example_spine import example_spine, spine_surface
from multiscale.voxelize.mesh_repair import repaired
from multiscale.voxelize.meshes import voxelize_mesh
from multiscale.voxelize.trimesh_reader import EXTENSIONS, read_mesh

BALL = trimesh.creation.icosphere(3, 1.0)
X = np.array([1.0, 0.0, 0.0])
VERTICES, FACES = np.array(BALL.vertices), np.array(BALL.faces)
manifold = pytest.mark.skipif(find_spec("manifold3d") is None, reason="needs manifold3d")


def save(folder, vertices, faces, name="x.stl"):
    path = folder / name
    trimesh.Trimesh(vertices, faces, process=False).export(path)
    return path


def several(*meshes):
    first = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    return np.vstack([v for v, _ in meshes]), np.vstack([f + k for (_, f), k in zip(meshes, first, strict=False)])


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_format(tmp_path, extension):
    path = tmp_path / f"ball{extension}"
    if extension == ".gltf":
        for name, content in trimesh.exchange.gltf.export_gltf(trimesh.Scene(BALL)).items():
            (tmp_path / (path.name if name.endswith(".gltf") else name)).write_bytes(content)
    else:
        BALL.export(path)
    mesh = read_mesh(path, unit=10 * um)
    assert mesh.name == path.name
    assert len(mesh.faces) == len(FACES)
    assert mesh.volume == pytest.approx(1000 * BALL.volume, rel=1e-6)  # files hold 32 bits
    assert mesh.watertight
    assert mesh.repairs == ()


def test_a_scene_is_put_together_with_its_transformations(tmp_path):
    scene = trimesh.Scene()
    for shift in (0.0, 3.0):
        scene.add_geometry(BALL, transform=trimesh.transformations.translation_matrix([shift, 0, 0]))
    scene.export(tmp_path / "scene.glb")
    mesh = read_mesh(tmp_path / "scene.glb")
    assert mesh.bodies == 2
    assert mesh.bounds[1][0] == pytest.approx(4.0, abs=1e-6)


def test_corners_are_not_joined_by_an_absolute_distance(tmp_path):
    """Numbers in metres: a ball of 1 um has edges of 1e-7, which must not collapse."""
    mesh = read_mesh(save(tmp_path, 1e-6 * VERTICES, FACES, "x.ply"), unit=1e6 * um)
    assert mesh.volume == pytest.approx(BALL.volume, rel=1e-5)


def test_the_example_spine(tmp_path):
    path = example_spine(tmp_path / "spine.stl", spacing=0.06)
    mesh = read_mesh(path, unit=nm)
    vertices, faces = spine_surface(spacing=0.06)
    assert len(mesh.faces) == len(faces)
    assert mesh.volume == pytest.approx(TriangleMesh(vertices, faces).volume, rel=1e-5)
    assert 0.6 < mesh.volume < 1.2
    assert path.read_bytes() == example_spine(tmp_path / "again.stl", spacing=0.06).read_bytes()


NAN = "v nan 0 0\nv 1 0 0\nv 1 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\nf 2 3 4\nf 1 3 4\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.step", "", r"mesh 'x.step' ends in '.step', expected .stl, .obj, .ply, .off, .gltf or .glb; convert"),
        ("x.stl", "hello", r"mesh 'x.stl' (holds no triangles|cannot be read as STL)"),
        ("x.stl", "", r"mesh 'x.stl' (holds no triangles|cannot be read as STL)"),
        ("x.obj", "v 0 0 0\nv 1 0 0\nv 1 1 0\n", "mesh 'x.obj' holds no triangles, expected a closed surface of them"),
        ("x.off", "OFF\n3 1 0\n0 0\n", r"mesh 'x.off' cannot be read as OFF \(.*\), expected triangles; check that"),
        ("x.obj", "v 0 0 0\nv 1 0 0\nf 1 2 9\n", r"mesh 'x.obj' cannot be read as OBJ \(.*\), expected triangles"),
        ("x.obj", NAN, r"mesh 'x.obj': vertex 0 is at \(nan, 0, 0\) um, expected finite numbers"),
        ("x.obj", NAN.replace("nan", "1e20"), r"mesh 'x.obj': vertex 0 is at \(1e\+20, 0, 0\) um, expected finite"),
        ("x.obj", "v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 3\n", "mesh 'x.obj' has 3 vertices and 1 triangles, expected at"),
    ],
)
def test_files_that_hold_no_surface(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(FormatError, match=message):
        read_mesh(tmp_path / name)


def test_a_file_that_is_cut_off(tmp_path):
    path = save(tmp_path, VERTICES, FACES)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FormatError, match=r"mesh 'x.stl' (holds no triangles|cannot be read)"):
        read_mesh(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FormatError, match=r"mesh '.*missing.stl' cannot be opened, expected a file; check the path"):
        read_mesh(tmp_path / "missing.stl")


def holes():
    return np.delete(FACES, [3, 100, 101, 102], axis=0)


def flipped():
    faces = FACES.copy()
    faces[5:60] = faces[5:60, ::-1]
    return faces


def cracked():
    """The triangles of one half have corners of their own, which lie a little beside."""
    upper = VERTICES[FACES].mean(axis=1)[:, 2] > 0.01
    moved = VERTICES + np.random.default_rng(1).normal(scale=1e-4, size=VERTICES.shape)
    return several((VERTICES, FACES[upper]), (moved, FACES[~upper]))


BROKEN = {
    "holes": (VERTICES, holes(), "is not closed: 1[0-9] edges have a triangle on one side only", "closed 3 holes with"),
    "flipped": (VERTICES, flipped(), "triangles whose corners run the wrong way", "turned 55 triangles that faced"),
    "inside out": (VERTICES, FACES[:, ::-1], "is inside out: its triangles face inwards", "turned 1 body inside out"),
    "cracks": (*cracked(), "is not closed", "joined [0-9]+ corners at cracks narrower than"),
    "double": (VERTICES, np.vstack([FACES, FACES[:9]]), "is not closed", "removed 9 triangles without extent or there"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_surface_is_refused_and_repaired_on_request(tmp_path, name):
    vertices, faces, reason, deed = BROKEN[name]
    path = save(tmp_path, vertices, faces, "x.ply")
    with pytest.raises(FormatError, match=rf"mesh 'x.ply' .*{reason}.*use read_mesh\(..., repair=True\)"):
        read_mesh(path)
    mesh = read_mesh(path, repair=True)
    assert mesh.watertight
    assert mesh.volume == pytest.approx(BALL.volume, rel=3e-3)  # lids of holes are flat; cracks moved by 1e-4
    assert len(mesh.repairs) == 1
    assert re.match(deed, mesh.repairs[0])
    assert f"repaired: {mesh.repairs[0]}" in mesh.describe()
    assert voxelize_mesh(mesh, 0.2).volume.sum() == pytest.approx(mesh.volume, rel=1e-10)


def test_a_sound_mesh_is_left_as_it_is(tmp_path):
    mesh = read_mesh(save(tmp_path, VERTICES, FACES), repair=True)
    assert mesh.repairs == ()
    assert mesh.volume == pytest.approx(BALL.volume, rel=1e-6)


def test_a_dendrite_cut_off_at_the_border_of_the_images_gets_a_lid(tmp_path):
    tube = trimesh.creation.cylinder(0.5, 3.0, sections=64)
    open_tube = tube.faces[np.abs(tube.face_normals[:, 2]) < 0.5]
    mesh = read_mesh(save(tmp_path, tube.vertices, open_tube), repair=True)
    assert mesh.volume == pytest.approx(tube.volume, rel=1e-6)
    assert mesh.area == pytest.approx(tube.area, rel=1e-6)
    assert mesh.repairs[0].startswith("closed 2 holes with 128 triangles of 1.568 um^2")


def test_cavities_stay_cavities():
    """Three shells in each other: a cell with its surface flipped, its nucleus as a cavity, and a body in it."""
    shells = [(VERTICES * r, FACES[:, ::-1] if turn else FACES) for r, turn in ((1.0, True), (0.6, True), (0.2, False))]
    mesh = repaired(TriangleMesh(*several(*shells), "nested"))
    assert mesh.watertight
    assert mesh.volume == pytest.approx((1 - 0.6**3 + 0.2**3) * BALL.volume, rel=1e-9)
    assert mesh.repairs == ("turned 1 body inside out, which faced inwards",)


@manifold
def test_bodies_that_overlap_are_united():
    mesh = TriangleMesh(*several((VERTICES, FACES), (VERTICES + 0.9 * X, FACES)), "pair")
    united = repaired(mesh)
    lens = np.pi / 12 * (4 + 0.9) * (2 - 0.9) ** 2  # of two balls of radius 1 at a distance of 0.9
    assert united.bodies == 1
    assert united.volume == pytest.approx(2 * BALL.volume - lens, rel=1e-2)  # the mesh of a ball is 0.6 % too small
    assert united.repairs[0].startswith("united 2 bodies into 1: volume ")
    assert voxelize_mesh(united, 0.1).volume.sum() == pytest.approx(united.volume, rel=1e-10)


def test_without_manifold3d_overlaps_stay_and_the_mesh_says_so(monkeypatch):
    monkeypatch.setattr(mesh_repair, "find_spec", lambda name: None)
    mesh = repaired(TriangleMesh(*several((VERTICES, FACES), (VERTICES + 0.9 * X, FACES)), "pair"))
    assert mesh.repairs[0].startswith("left bodies that may overlap as they are, since the package manifold3d")


def test_bodies_side_by_side_are_left_alone():
    mesh = repaired(TriangleMesh(*several((VERTICES, FACES), (VERTICES + 2.5 * X, FACES)), "pair"))
    assert mesh.bodies == 2
    assert mesh.repairs == ()


def test_what_cannot_be_repaired(tmp_path):
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rim = [
        np.column_stack([(2 + s * np.cos(angle / 2)) * np.cos(angle), (2 + s * np.cos(angle / 2)) * np.sin(angle),
                         s * np.sin(angle / 2)])
        for s in (-0.5, 0.5)
    ]  # fmt: skip
    here, there = np.arange(24), (np.arange(24) + 1) % 24
    swap = here == 23  # after one turn the two rims change places
    low, high = np.where(swap, there + 24, there), np.where(swap, there, there + 24)
    strip = np.vstack([np.column_stack([here, low, here + 24]), np.column_stack([low, high, here + 24])])
    path = save(tmp_path, np.vstack(rim), strip)
    with pytest.raises(FormatError, match=r"mesh 'x.stl' has only one side, like a Moebius strip, expected an inside"):
        read_mesh(path, repair=True)
    wings = np.array([[0, 0, 0], [0, 0, 1], [1, 0, 0.5], [-1, 1, 0.5], [-1, -1, 0.5], [3, 3, 3], [4, 3, 3], [3, 4, 3]])
    fan = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4], [5, 6, 7]])
    path = save(tmp_path, wings, fan)
    with pytest.raises(FormatError, match=r"mesh 'x.stl' .* even after the repair, expected a closed surface"):
        read_mesh(path, repair=True)
