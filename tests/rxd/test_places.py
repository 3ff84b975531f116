"""Selectors and expressions of position on a mesh."""

import numpy as np
import pytest
import sympy

from multiscale.errors import ModelError
from multiscale.geometry import Cable, Morphology, Section
from multiscale.rxd.places import evaluate, mask
from multiscale.rxd.tree import discretize_geometry
from multiscale.segmentation import SegmentCount
from multiscale.species import Parameter
from multiscale.symbols import arc, diameter, distance, section, tag, x, y
from multiscale.units import nm, um


@pytest.fixture(scope="module")
def mesh():
    def points(level):
        return ((10 * level, 0, 0, 4 - level), (10 * level + 10, level, 0, 3 - 0.5 * level))

    return discretize_geometry(
        Morphology(
            (
                Section("soma", points(0), tag=1),
                Section("dend[0]", points(1), tag=3, parent=0),
                Section("apic[0]", points(1), tag=4, parent=0),
                Section("apic[1]", points(2), tag=4, parent=2),
                Section("axon", points(1), tag=2, parent=0, parent_x=0),
                Section("spine", points(2), tag=7, parent=1),
            ),
            SegmentCount(5),
        )
    )


def names(mesh, where):
    chosen = mask(where, mesh)
    assert chosen.shape == (mesh.n,)
    assert chosen.dtype == bool
    return [name for k, name in enumerate(mesh.section_names) if chosen[mesh.section == k].any()]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, ["soma", "dend[0]", "apic[0]", "apic[1]", "axon", "spine"]),
        (sympy.true, ["soma", "dend[0]", "apic[0]", "apic[1]", "axon", "spine"]),
        (sympy.false, []),
        (tag("soma"), ["soma"]),
        (tag("basal"), ["dend[0]"]),
        (tag("dendrite"), ["dend[0]", "apic[0]", "apic[1]"]),
        (tag(7), ["spine"]),
        (~tag("dendrite"), ["soma", "axon", "spine"]),
        (tag("axon") | section("sp*"), ["axon", "spine"]),
        (section("apic*"), ["apic[0]", "apic[1]"]),
        (section("apic[1]"), ["apic[1]"]),
        (section("*[[]0]"), ["dend[0]", "apic[0]"]),
        (tag("apical") & (distance > 18 * um), ["apic[1]"]),
        (tag("apical") ^ section("apic[1]"), ["apic[0]"]),
        (section("nothing"), []),
    ],
)
def test_selectors(mesh, where, expected):
    assert names(mesh, where) == expected


def test_positions_are_compared_node_by_node(mesh):
    np.testing.assert_array_equal(mask(arc < 3000 * nm, mesh), mesh.arc < 3)
    np.testing.assert_array_equal(mask((x > 12) & (y <= 0.5), mesh), (mesh.x > 12) & (mesh.y <= 0.5))
    np.testing.assert_array_equal(mask(x - y > distance, mesh), mesh.x - mesh.y > mesh.distance)
    cut = Parameter("cut", 2 * um)
    np.testing.assert_array_equal(mask(diameter >= cut, mesh), mesh.diameter >= 2)


def test_expressions(mesh):
    np.testing.assert_array_equal(evaluate(3, mesh), np.full(mesh.n, 3.0))
    np.testing.assert_array_equal(evaluate(2 * um, mesh), np.full(mesh.n, 2.0))
    falling = 1 / (1 + distance / (10 * um))
    np.testing.assert_allclose(evaluate(falling, mesh), 1 / (1 + mesh.distance / 10), rtol=1e-15)
    np.testing.assert_allclose(evaluate(sympy.exp(-x) * diameter**2, mesh), np.exp(-mesh.x) * mesh.diameter**2)
    stepwise = sympy.Piecewise((1.0, distance < 12), (2.0, True))
    np.testing.assert_array_equal(evaluate(stepwise, mesh), np.where(mesh.distance < 12, 1.0, 2.0))
    slope = Parameter("slope", 0.5 * x)
    np.testing.assert_allclose(evaluate(2 * slope, mesh), mesh.x, rtol=1e-15)


def test_refused(mesh):
    unknown = sympy.Symbol("radius")
    with pytest.raises(ModelError, match=r"expression '2\*radius' of position contains 'radius', expected x, y, z"):
        evaluate(2 * unknown, mesh)
    with pytest.raises(ModelError, match=r"where is 'radius', expected tag\(\.\.\.\), section"):
        mask(unknown, mesh)


def test_on_a_cable():
    cable = discretize_geometry(Cable(10, n=10))
    assert mask(x > 4 * um, cable).sum() == 6
    assert not mask(tag("soma"), cable).any()
