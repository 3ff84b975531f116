"""Exchange between branches and voxels: conserved, stable at any step, of second order, positive."""

import numpy as np
import pytest
from scipy.linalg import expm

from multiscale.geometry import Morphology, Section
from multiscale.kernels.library import compiled
from multiscale.rxd import coupling
from multiscale.rxd.voxel_mesh import mesh_of
from multiscale.segmentation import MaxLength
from multiscale.solids import Mixed, Part
from multiscale.symbols import section, x
from multiscale.units import um

GAMMA = 1 - 1 / np.sqrt(2)


@pytest.fixture(params=["python", "compiled"])
def exchange(request):
    return (coupling if request.param == "python" else compiled(coupling)).exchange_joins


def star(hub_mass):
    """One hub (node 5 of 6, or none) and five voxels of different size."""
    rng = np.random.default_rng(3)
    g, mass = rng.uniform(0.5, 2, 5), rng.uniform(0.01, 0.1, 5)
    lane = np.arange(5)
    hub = np.array([0 if hub_mass else -1])
    return g, mass, lane, hub, np.array([float(hub_mass)]), np.array([0, 5])


def advance(exchange, u, parts, h, steps, gamma=GAMMA):
    g, mass, lane, hub, hub_mass, start = parts
    for _ in range(steps):
        exchange(u, hub, start, lane, g, hub_mass, mass, gamma, h, 5, np.zeros(5), np.zeros(5))
    return u


def exact(u, parts, t):
    g, mass, _, hub, hub_mass, _ = parts
    if hub[0] >= 0:
        a = np.zeros((6, 6))
        for k in range(5):
            a[k, k], a[k, 5], a[5, k] = -g[k] / mass[k], g[k] / mass[k], g[k] / hub_mass[0]
        a[5, 5] = -g.sum() / hub_mass[0]
        return expm(a * t) @ u
    share = g / g.sum()
    a = g[:, None] / mass[:, None] * (share[None, :] - np.eye(5))
    return np.append(expm(a * t) @ u[:5], u[5])


@pytest.mark.parametrize("hub_mass", [0.5, 0])
def test_order_two_in_time(exchange, hub_mass):
    parts = star(hub_mass)
    u = np.array([1.0, 2.0, 0.5, 3.0, 0.1, 1.5])
    t = 0.04
    errors = [np.abs(advance(exchange, u.copy(), parts, t / n, n) - exact(u, parts, t)).max() for n in (8, 16, 32)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders == pytest.approx([2, 2], abs=0.15), errors


@pytest.mark.parametrize("hub_mass", [0.5, 0])
@pytest.mark.parametrize("h", [1e-3, 1.0, 1e4])
def test_amount_is_kept_and_nothing_grows(exchange, hub_mass, h):
    parts = star(hub_mass)
    u = np.array([1.0, 0.0, 0.0, 3.0, 0.1, 0.0])
    masses = np.append(parts[1], hub_mass)
    before = masses @ u
    advance(exchange, u, parts, h, 1000)
    assert masses @ u == pytest.approx(before, rel=1e-13)  # round-off of a thousand steps
    assert u.min() >= -1e-15
    assert u.max() <= 3.0


def cell():
    soma = Section("soma", ((0, 0, 0, 6), (8, 0, 0, 6)), tag=1)
    up = Section("up", ((8, 0, 0, 2), (40, 10, 0, 2)), tag=3, parent=0)
    down = Section("down", ((8, 0, 0, 1.5), (40, -10, 0, 1)), tag=3, parent=0)
    side = Section("side", ((4, 0, 0, 1), (4, 0, 30, 1)), tag=3, parent=0, parent_x=0.5)
    return Morphology((soma, up, down, side), MaxLength(4))


def test_every_branch_of_a_voxelised_soma_is_joined():
    whole = cell()
    mesh = mesh_of(Mixed(whole, whole["soma"].voxels(0.5 * um)))
    names = [mesh.tree.section_names[s] for s in mesh.tree.section[mesh.joins.hub]]
    assert sorted(names) == ["down", "side", "up"]
    for j, hub in enumerate(mesh.joins.hub):
        contacts = slice(mesh.joins.start[j], mesh.joins.start[j + 1])
        half = mesh.tree.half_self[hub]
        # parallel contacts: the hub's half segment in front of them all
        assert 1 / np.sum(1 / mesh.joins.near[contacts]) == pytest.approx(half, rel=1e-2)


def test_the_place_of_a_join_does_not_matter():
    """Cut at a voxel border, a cable of voxels and segments conducts like the cable of segments alone."""
    section_ = Section("dend", ((0, 0, 0, 2), (32, 0, 0, 2)), tag=3)
    whole = Morphology((section_,), MaxLength(1))
    mesh = mesh_of(Mixed(whole, Part(whole, x < 16 * um).voxels(0.25 * um)))
    assert mesh.joins.count == 1
    near = 1 / np.sum(1 / mesh.joins.near)
    assert near == pytest.approx(0.5 / np.pi, rel=1e-6)  # half a segment of 1 um and area pi um^2
    far = 1 / np.sum(1 / mesh.joins.far)
    assert far == pytest.approx(0.125 / np.pi, rel=0.05)  # half a voxel; the disc's area by samples


def test_two_grids_that_touch_have_a_join_without_a_hub():
    whole = cell()
    fine = Part(whole, section("up") & (x < 20 * um)).voxels(0.25 * um)
    mesh = mesh_of(Mixed(whole, (whole["soma"].voxels(0.5 * um), fine)))
    assert np.count_nonzero(mesh.joins.hub < 0) == 1
    assert len(mesh.grids) == 2
