"""Cells with voxels: which nodes there are, what belongs to whom, where fields are kept, and messages."""

import numpy as np
import pytest

from multiscale.electro.channels.passive import passive
from multiscale.errors import GeometryError
from multiscale.geometry import Morphology, Section
from multiscale.model import Model
from multiscale.processes import Rate
from multiscale.regions import Layers, Membrane, Region
from multiscale.rxd.equations import equations
from multiscale.rxd.system import discretize, initial_values
from multiscale.rxd.voxel_mesh import mesh_of
from multiscale.segmentation import MaxLength
from multiscale.simulate import Simulation, simulate
from multiscale.solids import Ball, Box, Mixed
from multiscale.species import Species, State
from multiscale.symbols import distance, section, tag, x
from multiscale.units import cm, mM, ms, uF, um


def cell():
    soma = Section("soma", ((0, 0, 0, 6), (8, 0, 0, 6)), tag=1)
    up = Section("up", ((8, 0, 0, 2), (28, 10, 0, 2)), tag=3, parent=0)
    down = Section("down", ((8, 0, 0, 1.5), (28, -10, 0, 1)), tag=4, parent=0)
    far = Section("far", ((28, 10, 0, 1), (48, 10, 0, 1)), tag=3, parent=1)
    return Morphology((soma, up, down, far), MaxLength(4))


@pytest.fixture(scope="module")
def mixed():
    whole = cell()
    return mesh_of(Mixed(whole, whole["soma"].voxels(0.5 * um)))


def test_every_voxel_has_a_segment_of_its_section(mixed):
    lanes = np.flatnonzero(mixed.exists[: mixed.tree_start])
    node = mixed.host[lanes]
    assert set(mixed.tree.section[node]) == {0}
    # along the soma, which lies on x, each voxel belongs to the segment that is nearest
    middle = mixed.tree.x[node]
    assert np.abs(mixed.x[lanes] - middle).max() < 0.5 * mixed.tree.length[0] + 0.5
    np.testing.assert_allclose(mixed.arc[lanes], mixed.x[lanes], atol=0.3)
    np.testing.assert_allclose(mixed.distance[lanes], np.abs(mixed.x[lanes] - 4), atol=0.3)


def test_boundary_weights_and_capacity(mixed):
    b = mixed.boundary
    np.testing.assert_allclose(np.bincount(b.node, b.weight), 1.0)
    # a unit change of the mean, given back to the voxels, changes the mean by one
    change = np.zeros(mixed.n_total)
    change[b.lane] = b.back
    means = b.means(change, mixed.tree.n)
    np.testing.assert_allclose(means[mixed.voxelised], 1.0)
    moved = np.bincount(b.node, b.back * mixed.volume[b.lane])
    np.testing.assert_allclose(moved, mixed.volume[mixed.tree_start :][: moved.size])


def test_volume_and_area_are_those_of_the_shape(mixed):
    lanes = slice(0, mixed.tree_start)
    assert mixed.volume[lanes].sum() == pytest.approx(np.pi * 9 * 8, rel=2e-3)
    # the flat ends are no membrane; along the grid, at 12 voxels a diameter, areas are right to 0.6 %
    assert mixed.area[lanes].sum() == pytest.approx(np.pi * 6 * 8, rel=1e-2)
    assert mixed.area[lanes].sum() == pytest.approx(mixed.grids[0].voxels.area.sum(), rel=1e-12)


def test_concentrations_and_potential_have_their_own_nodes(mixed):
    cyt = Region("cyt")
    plasma = Membrane("plasma", cyt, capacitance=1 * uF / cm**2)
    ca = Species("ca", cyt, d=1 * um**2 / ms, initial=x * mM / um)
    n = State("n", plasma, initial=ca[cyt] / (1 * mM))
    system = discretize(equations(Model(ca, *passive(plasma), Rate("n", n, -n / (1 * ms)))), mixed)
    rows = {f.name: f.row for f in system.fields}
    soma = np.concatenate([np.zeros(mixed.tree_start, dtype=bool), mixed.tree.section == 0])
    lanes = np.arange(mixed.n) < mixed.tree_start
    np.testing.assert_array_equal(system.present[rows["ca.cyt"]], mixed.exists & ~soma)
    for name in ("n", "v"):
        np.testing.assert_array_equal(system.present[rows[name]], ~lanes)
    values = initial_values(system, {}, {})
    at = mixed.tree_start + np.flatnonzero(mixed.tree.section == 0)
    np.testing.assert_allclose(values[rows["n"], at], mixed.tree.x[mixed.tree.section == 0], atol=0.05)


def test_within_is_a_path_distance():
    whole = cell()
    mesh = mesh_of(whole.within(12 * um).voxels(0.5 * um))
    names = {mesh.tree.section_names[s] for s in mesh.tree.section[mesh.voxelised]}
    assert names == {"soma", "up", "down"}
    assert mesh.tree.distance[mesh.voxelised].max() <= 12 < mesh.tree.distance[~mesh.voxelised].min()
    away = mesh_of(whole.within(9 * um, of=whole["far"](1.0)).voxels(0.5 * um))
    assert {mesh.tree.section_names[s] for s in away.tree.section[away.voxelised]} == {"far"}
    assert away.tree.arc[away.voxelised].min() >= 11 - 1e-9


def test_a_region_that_ends_inside_keeps_its_species():
    half = Region("half", where=x < 2 * um)
    a = Species("a", half, d=1 * um**2 / ms, initial=x * mM / um)
    run = Simulation(Model(a), Box((0, 0, 0), (4, 1, 1)).voxels(0.25 * um), dt=0.05 * ms, record=())
    system, mesh = run._system, run.mesh
    there = system.present[0]
    assert 0.4 < there.sum() / mesh.exists.sum() < 0.6
    before = run.arrays.values[0, : mesh.n] @ mesh.volume[: mesh.n]
    run.run(20 * ms)
    assert run.arrays.values[0, : mesh.n] @ mesh.volume[: mesh.n] == pytest.approx(before, rel=1e-12)  # round-off
    np.testing.assert_allclose(run.arrays.values[0, : mesh.n][there], 1.0, rtol=1e-4)
    assert not run.arrays.values[0, : mesh.tree_start][~there[: mesh.tree_start]].any()


def test_diffusion_by_direction_and_by_place():
    cyt = Region("cyt")
    box = Box((0, 0, 0), (4, 4, 1)).voxels(0.25)
    a = Species("a", cyt, d=(1, 0, 0), initial=x)
    b = Species("b", cyt, d=(0, 1, 0), initial=x)
    sol = simulate(Model(a, b), box, 30, dt=0.1, every=30)
    np.testing.assert_allclose(sol["a.cyt"].values[-1], 2.0, atol=2e-3)  # exp(-pi^2 30/16) of the first mode
    np.testing.assert_allclose(sol["b.cyt"].values[-1], sol["b.cyt"].values[0], atol=1e-13)
    c = Species("c", cyt, d=1 + 0.75 * x, initial=x)
    late = simulate(Model(c), box, 40, dt=0.1, every=40)
    np.testing.assert_allclose(late["c.cyt"].values[-1], 2.0, atol=1e-3)


def test_shapes_without_sections_have_one_electric_node():
    cyt = Region("cyt")
    plasma = Membrane("plasma", cyt, capacitance=1 * uF / cm**2)
    mesh = mesh_of(Ball(2 * um).voxels(0.25 * um))
    assert mesh.tree.n == 1
    run = Simulation(Model(*passive(plasma)), Ball(2 * um).voxels(0.25 * um), dt=0.1, record="v")
    sol = run.run(1)
    assert sol["v"].dims == ("time",)


def test_the_solution_shows_voxels_then_segments(mixed):
    whole = cell()
    cyt = Region("cyt")
    ca = Species("ca", cyt, d=1, initial=x)
    sol = simulate(Model(ca), Mixed(whole, whole["soma"].voxels(0.5 * um)), 1, dt=0.1, every=1)
    da = sol["ca.cyt"]
    voxel = da["grid_x"].values >= 0
    assert voxel.sum() == mixed.grids[0].n_voxels
    assert not np.any(np.diff(voxel.astype(int)) > 0)
    assert np.all(da["section"].values[~voxel] != "soma")
    np.testing.assert_allclose(da.values[0], da["x"].values)
    origin = np.array([float(v) for v in da.attrs["voxel_origin"].split()])
    places = origin + da.attrs["voxel_dx"] * (np.column_stack([da[f"grid_{a}"] for a in "xyz"])[voxel] + 0.5)
    np.testing.assert_allclose(places, np.column_stack([da[a] for a in "xyz"])[voxel])
    assert sol.at("ca.cyt", whole["up"](0.5)).values[0] == pytest.approx(18, abs=2)
    assert sol.at("ca.cyt", whole["soma"](0.5)).values[0] == pytest.approx(4, abs=1)


MESSAGES = {
    "nothing chosen": (lambda c: c.part(tag("axon")).voxels(1), r"no segment of the cell fits 'tag\('axon'\)'"),
    "twice": (
        lambda c: Mixed(c, (c["soma"].voxels(1), c.part(distance < 6 * um).voxels(0.5))),
        r"segment \d+ of section 'soma' is in two voxelised parts, expected one",
    ),
    "other cell": (lambda c: Mixed(c, Section("s", ((0, 0, 0, 1), (5, 0, 0, 1))).voxels(1)), "not of this cell"),
    "of": (lambda c: c.within(10 * um, of=3), r"within: `of` is 3, expected a section or a place"),
    "unknown": (lambda c: c.within(10 * um, of=Section("s", ((0, 0, 0, 1), (5, 0, 0, 1)))), "no section 's'"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name):
    make, text = MESSAGES[name]
    with pytest.raises(GeometryError, match=text):
        mesh_of(make(cell()))


def test_shells_and_directions_need_the_right_place(mixed):
    layers = Layers("cyt", 3)
    with pytest.raises(GeometryError, match="region 'cyt0' is a shell, expected a whole region where the cell is vox"):
        discretize(equations(Model(Species("ca", layers, d=1))), mixed)
    with pytest.raises(GeometryError, match="species 'ca': d has 3 components, expected one number on a 1-D tree"):
        discretize(equations(Model(Species("ca", Region("cyt"), d=(1, 2, 3)))), mixed)
    part = mesh_of(cell().part(section("soma")).voxels(0.5 * um))
    system = discretize(equations(Model(Species("ca", Region("cyt"), d=(1, 2, 3)))), part)
    assert system.grids[0].d.tolist() == [[1, 2, 3]]
