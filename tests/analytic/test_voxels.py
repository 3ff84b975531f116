"""Diffusion, reactions and waves in voxels against formulas, and the cases at which NEURON 9 fails.

`tests/neuron/test_voxels_neuron.py` shows these failures; channels over several sections and grids of two sizes with
adaptive steps are in `test_voxel_cells.py`.
"""

from math import cos, pi, sin, sqrt

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import j0, j1

from multiscale.bench.voxel_studies import branch_point, cylinder, decay_rates, taper, taper_rate, turned
from multiscale.geometry import Morphology, Section
from multiscale.model import Model
from multiscale.processes import Flux, Rate, Reaction
from multiscale.regions import Bath, Membrane, Region
from multiscale.rxd.grid import grid_mesh
from multiscale.rxd.steppers.diffusers import RKL2, BackwardEuler, DouglasGunn
from multiscale.rxd.steppers.strang import Strang
from multiscale.segmentation import SegmentCount
from multiscale.simulate import Simulation
from multiscale.solids import Box, Frustum
from multiscale.species import Species
from multiscale.voxelize.readers import example_morphology, read_morphology
from multiscale.voxelize.shapes import voxelize_shape

CYT = Region("cyt")
EVERY = [RKL2(), DouglasGunn(), BackwardEuler()]
SECOND_ORDER = EVERY[:2]
BRANCH_LIMIT = 0.0098632  # rate times radius^2 of three arms of 16 radii, from 4, 6 and 8 voxels a radius


def name_of(value):
    return type(value).__name__


def spreading(shape, values, dt, diffuser=None, d=1.0):
    """A simulation of pure diffusion, and the mask of its voxels; values from positions (n, 3), mM."""
    run = Simulation(Model(Species("c", CYT, d=d)), shape, dt=dt, stepper=Strang(diffusion=diffuser), record=())
    there = run.mesh.chemical
    run.arrays["c.cyt"][there] = values(positions(run))
    return run, there


def positions(run):
    mesh, there = run.mesh, run.mesh.chemical
    return np.column_stack([mesh.x[there], mesh.y[there], mesh.z[there]])


def capacity(run):
    there = run.mesh.chemical
    return run.mesh.volume[: there.size][there]


def amount(run, name="c.cyt"):
    return float(capacity(run) @ run.arrays[name][run.mesh.chemical])


def oblique(radius=1.0, length=8.0):
    axis = np.array([0.6, 0.48, 0.64])
    return Frustum((0.1, 0.2, 0.3), tuple(np.array([0.1, 0.2, 0.3]) + length * axis), radius), axis


def dendrite():
    """49 um of a real dendrite of 0.3 to 0.4 um: at 0.25 um lines of one voxel occur."""
    cell = read_morphology(example_morphology())
    return cell["apic[130]"]


# --- modes and Gaussians: solutions with a formula -------------------------------------------------------------------


@pytest.mark.parametrize("diffuser", SECOND_ORDER, ids=name_of)
def test_a_cosine_mode_in_a_box_decays_at_the_rate_of_the_grid(diffuser):
    """The mode is an eigenvector of the grid, so only time is left as an error: of second order."""
    sides, waves, dx = np.array([8.0, 6.0, 4.0]), np.array([2, 1, 1]), 0.5
    rate = np.sum((2 * np.sin(pi * waves * dx / (2 * sides)) / dx) ** 2)
    errors = []
    for dt in (0.02, 0.01, 0.005):  # RKL2 takes two stages in all; more stages have another error constant
        box = Box((0, 0, 0), tuple(sides)).voxels(dx)
        run, there = spreading(box, lambda p: 2 + np.cos(pi * p * waves / sides).prod(axis=1), dt, diffuser)
        mode = run.arrays["c.cyt"][there] - 2
        run.run(1.0)
        end = run.arrays["c.cyt"][there] - 2
        size = mode @ end / (mode @ mode)
        assert np.abs(end - size * mode).max() < 1e-8  # Douglas-Gunn keeps its factors in single precision
        errors.append(size / np.exp(-rate) - 1)
    order = np.log2(np.abs(np.array(errors[:-1]) / errors[1:]))
    assert order == pytest.approx([2, 2], abs=0.1)


def test_the_modes_across_a_disc_converge_at_second_order():
    """The two slowest modes of a flat cylinder of radius R lie across it: rates (1.8412 / R)^2, at any angle."""
    errors = []
    for radius in (3, 6, 12):
        found = []
        for at, axes in turned(3):
            disc = Frustum(tuple(at), tuple(at + radius * axes[0]), radius)
            found.append(decay_rates(grid_mesh(voxelize_shape(disc, 1.0)), 2) * (radius / 1.8411837813) ** 2 - 1)
        errors.append(np.abs(found).mean())
    assert errors[0] < 0.04
    assert np.log2(errors[0] / errors[2]) / 2 > 1.8


@pytest.mark.parametrize("diffuser", EVERY, ids=name_of)
def test_a_gaussian_spreads_by_two_d_t_along_each_axis(diffuser):
    """The second moment of the grid grows by exactly 2 D t with every scheme, as long as the walls are far."""
    box = Box((-12, -12, -12), (12, 12, 12)).voxels(0.75)
    run, there = spreading(box, lambda p: np.exp(-0.5 * (p**2).sum(axis=1) / 1.44), 0.05, diffuser, d=(1.0, 0.5, 0.25))
    at = positions(run)

    def moments():
        weight = run.arrays["c.cyt"][there] / run.arrays["c.cyt"][there].sum()
        return weight @ at**2

    before = moments()
    run.run(0.5)
    # the wall has exp(-30) of the peak; factors of Douglas-Gunn and backward Euler are in single precision
    assert moments() - before == pytest.approx([1.0, 0.5, 0.25], rel=1e-9 if isinstance(diffuser, RKL2) else 1e-6)


# --- bodies at any angle ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("radius", "limit"), [(1, 1e-2), (2, 2e-3), (4, 5e-4)])
def test_the_slowest_mode_of_an_oblique_cylinder(radius, limit):
    """At 1, 2, 4 voxels a radius NEURON's voxels decay 25, 8 and 6 % too slowly."""
    assert cylinder(radius, bodies=10).largest < limit


@pytest.mark.parametrize(("radius", "limit"), [(1, 1e-2), (2, 2e-3), (4, 5e-4)])
def test_the_slowest_mode_of_an_oblique_taper(radius, limit):
    assert taper(radius, bodies=10).largest < limit


@pytest.mark.parametrize(("radius", "limit"), [(1, 2e-2), (2, 3e-3), pytest.param(4, 1.5e-3, marks=pytest.mark.slow)])
def test_the_slowest_modes_of_a_symmetric_branch_point(radius, limit):
    found = branch_point(radius, BRANCH_LIMIT, bodies=5)
    assert found.largest < limit
    assert np.abs(np.diff(found.relative, axis=1)).max() < limit  # both modes are one by symmetry


def test_the_reference_of_a_taper_is_that_of_a_cylinder_and_converged():
    assert taper_rate(2, 2, 30) == pytest.approx((pi / 30) ** 2, rel=1e-9)
    assert taper_rate(4, 2, 30) == pytest.approx(taper_rate(4, 2, 30, along=30, across=11), rel=1e-9)


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("diffuser", SECOND_ORDER, ids=name_of)
def test_second_order_in_time_on_an_irregular_domain(diffuser):
    shape, axis = oblique()
    ends = []
    for dt in (0.1, 0.05, 0.025, 0.1 / 64):
        run, there = spreading(shape.voxels(0.4), lambda p: 2 + np.cos(pi * (p @ axis) / 8), dt, diffuser)
        run.run(0.8)
        ends.append(run.arrays["c.cyt"][there].copy())
    errors = [np.abs(end - ends[-1]).max() for end in ends[:-1]]
    assert np.log2(errors[1] / errors[2]) > 1.9


@pytest.mark.parametrize("r", [1, 30, 1000])
@pytest.mark.parametrize("diffuser", [None, RKL2(), BackwardEuler()], ids=name_of)
def test_no_growth_whatever_the_step(diffuser, r):
    """Random data in the norm in which diffusion decays, weighted by capacity; r = D dt / dx^2."""
    random = np.random.default_rng(1)
    shape, _ = oblique(0.7, 6.0)
    run, there = spreading(shape.voxels(0.5), lambda p: random.random(len(p)), r * 0.25, diffuser)
    weight, norms = capacity(run), []
    for _ in range(20):
        norms.append(weight @ run.arrays["c.cyt"][there] ** 2)
        run.step()
    assert (np.diff(norms) <= 1e-13 * norms[0]).all()


@pytest.mark.parametrize("axis", [(1.0, 0.0, 0.0), (0.6, 0.48, 0.64)], ids=["along x", "oblique"])
def test_volume_and_membrane_of_a_cable_converge(axis):
    """4, 8, 16 voxels a diameter, at a place where the surface touches planes of the grid and at any other."""
    cell = Morphology((Section("cable", ((0, 0, 0, 1.0), (*(10 * np.array(axis)), 1.0))),))
    errors = []
    for dx in (1 / 4, 1 / 8, 1 / 16):
        mesh = Simulation(Model(Species("c", CYT, initial=1.0)), cell.voxels(dx), dt=1.0, record=()).mesh
        there = mesh.chemical
        totals = mesh.volume[: there.size][there].sum(), mesh.area[: there.size][there].sum()
        errors.append(np.abs(np.array(totals) / (cell.volume, cell.area) - 1))
    assert (errors[0] < (2e-3, 2e-2)).all()
    assert (errors[1] < (5e-4, 2.5e-3)).all()
    assert (errors[2] < (1.2e-4, 6e-4)).all()


# --- where NEURON 9 fails --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("diffuser", EVERY, ids=name_of)
def test_uniform_stays_uniform_and_amounts_keep_where_lines_have_one_voxel(diffuser):
    """NEURON loses 6 % of a uniform concentration in this dendrite in 10 ms."""
    run, there = spreading(dendrite().voxels(0.25), lambda p: np.ones(len(p)), 0.025, diffuser)
    run.run(10.0)
    assert run.arrays["c.cyt"][there] == pytest.approx(1, abs=1e-12)
    random = np.random.default_rng(2)
    run.arrays["c.cyt"][there] = random.random(there.sum())
    before = amount(run)
    run.run(250.0)  # 10,000 steps
    assert amount(run) == pytest.approx(before, rel=1e-12)


def test_a_stiff_dimerisation_keeps_its_matter():
    """NEURON's 2 A + B grows from 2 mM to 3e11 mM here."""
    a, b = Species("a", CYT, d=0.1, initial=1.0), Species("b", CYT, d=0.1, initial=0.0)
    model = Model(Reaction("split", a[CYT], 2 * b[CYT], 1000.0, 10.0))
    run = Simulation(model, Frustum((0, 0, 0), (4, 0, 0), 1).voxels(0.5), dt=0.1, record=())
    run.run(4.0)
    a_end, b_end = (run.arrays[f"{name}.cyt"][run.mesh.chemical] for name in "ab")
    assert 2 * a_end + b_end == pytest.approx(2, rel=1e-12)
    assert 1000 * a_end == pytest.approx(10 * b_end**2, rel=1e-6)


@pytest.mark.parametrize("radius", [2.0, 5.0, 10.0])
def test_a_soma_drawn_as_a_contour_keeps_its_volume(radius, tmp_path):
    """NEURON keeps 20 to 40 % of the volume of a round contour."""
    path = tmp_path / "round.asc"
    points = "\n".join(f"({radius * cos(k * pi / 12):.4f} {radius * sin(k * pi / 12):.4f} 0 0.2)" for k in range(24))
    tail = f"((Dendrite) ({radius} 0 0 1) ({radius + 10} 0 0 1))"
    path.write_text(f'("CellBody" (Color Red) (CellBody)\n{points}\n)\n{tail}\n')
    cell = read_morphology(path)
    run = Simulation(Model(Species("c", CYT, initial=1.0)), cell["soma"].voxels(radius / 20), dt=1.0, record=())
    section = Morphology((cell["soma"],)).volume
    assert amount(run) == pytest.approx(section, rel=0.01)
    assert section == pytest.approx(4 / 3 * pi * radius**3, rel=0.03)


# --- one dimension and three -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_thin_cable_at_16_voxels_a_diameter_gives_the_answer_of_one_dimension():
    """A bistable wave that is also pumped out through the membrane: within 1 % everywhere.

    Steps are short: D dt / dx^2 is 2.6. Flux through the membrane and diffusion are split, and at longer steps the flux
    drains the outermost voxels before diffusion fills them again.
    """
    straight = Section("cable", ((0, 0, 0, 1.0), (20, 0, 0, 1.0)))
    cell = Morphology((straight,), segments=SegmentCount(320))
    plasma = Membrane("plasma", inside=CYT, outside=Bath(u=1.0))
    u = Species("u", CYT, d=1.0)
    model = Model(
        Rate("kinetics", u[CYT], 2.0 * u[CYT] * (1 - u[CYT]) * (u[CYT] - 0.25)),
        Flux("pump", u[CYT], u[plasma.outside], 0.02 * u[CYT], membrane=plasma),
    )
    ends = []
    for shape in (cell, cell.voxels(1 / 16)):
        run = Simulation(model, shape, dt=0.01, record=())
        there = run.mesh.chemical if hasattr(run.mesh, "chemical") else np.ones(run.mesh.n, dtype=bool)
        along = run.mesh.x[: there.size][there]
        run.arrays["u.cyt"][there] = np.exp(-((along / 6) ** 4))
        run.run(15.0)
        weight, place = run.mesh.volume[: there.size][there], np.floor(along * 16).astype(int)
        ends.append(np.bincount(place, weight * run.arrays["u.cyt"][there]) / np.bincount(place, weight))
    assert np.ptp(ends[0]) > 0.5
    assert np.abs(ends[1] - ends[0]).max() < 0.01 * ends[0].max()


@pytest.mark.parametrize(("r", "limit"), [(1.6, 0.08), (0.4, 8e-3), (0.1, 6e-3)])
def test_clearance_through_the_membrane_converges_with_the_step(r, limit):
    """A pump of 0.2 um/ms around a cable of 8 voxels a diameter empties it at (x / R)^2 D with x J1 = (k R / D) J0."""
    radius, k, dx = 0.5, 0.2, 1 / 8
    x = brentq(lambda x: x * j1(x) - k * radius * j0(x), 1e-6, 2.0)
    plasma = Membrane("plasma", inside=CYT, outside=Bath(u=1.0))
    u = Species("u", CYT, d=1.0, initial=1.0)
    model = Model(Flux("pump", u[CYT], u[plasma.outside], k * u[CYT], membrane=plasma))
    cell = Morphology((Section("cable", ((0, 0, 0, 2 * radius), (4, 0, 0, 2 * radius))),))
    run, amounts = Simulation(model, cell.voxels(dx), dt=r * dx**2, record=()), []
    steps = round(0.3 / (r * dx**2))
    for _ in range(2):
        run.step(steps)
        amounts.append(amount(run, "u.cyt"))
    rate = np.log(amounts[0] / amounts[1]) / (steps * r * dx**2)
    assert rate == pytest.approx((x / radius) ** 2, rel=limit)


def test_the_speed_of_a_wave_converges_with_dx():
    """u' = D u_xx + k u (1 - u) (u - a) has fronts of speed sqrt(k D / 2) (1 - 2 a), in an oblique cylinder too."""
    speed = sqrt(0.5) * (1 - 2 * 0.1)
    u = Species("u", CYT, d=1.0)
    model = Model(Rate("kinetics", u[CYT], u[CYT] * (1 - u[CYT]) * (u[CYT] - 0.1)))
    shape, axis = oblique(1.0, 30.0)
    errors = []
    for dx in (1.0, 0.5, 0.25):
        run = Simulation(model, shape.voxels(dx), dt=0.05, record=())
        there, full, places = run.mesh.chemical, capacity(run), []
        run.arrays["u.cyt"][there] = 1 / (1 + np.exp((positions(run) @ axis - 8) / sqrt(2)))
        for duration in (5.0, 15.0):
            run.run(duration)
            places.append(full @ run.arrays["u.cyt"][there] / pi)  # of the front, um: volume over cross-section
        errors.append((places[1] - places[0]) / 15 / speed - 1)
    assert abs(errors[2]) < 5e-3
    assert np.log2(errors[0] / errors[1]) > 1.7
    assert np.log2(errors[1] / errors[2]) > 1.7
