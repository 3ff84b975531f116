"""Sources on a mesh: shares of nodes, and amounts that are exact whatever the course and the step."""

import math
from itertools import pairwise

import numpy as np
import pytest
import sympy
from scipy.integrate import quad
from scipy.special import ndtr

from multiscale.errors import GeometryError, ModelError, SolverError
from multiscale.geometry import Cable, Location
from multiscale.model import Model
from multiscale.probes import Line, Plane
from multiscale.processes import Rate
from multiscale.regions import Region
from multiscale.rxd.equations import equations
from multiscale.rxd.injection import resolve
from multiscale.rxd.time_course import course_of
from multiscale.rxd.tree import discretize_geometry
from multiscale.rxd.voxel_mesh import mesh_of
from multiscale.solids import Ball, Box
from multiscale.sources import Source
from multiscale.species import Parameter, Species
from multiscale.symbols import select, time, x
from multiscale.units import amol, ms, pA, um

t = time
cyt, er = Region("cyt", fraction=0.8), Region("er", fraction=1 / 8, where=x > 5 * um)
ca = Species("ca", (cyt, er), z=2, initial=0)
EQS = equations(Model(Rate("slow", ca[cyt], -ca[cyt]), Rate("slower", ca[er], -ca[er])))
MESH = discretize_geometry(Cable(10.0, diameter=2.0, n=10))
DOUBLE = select(sympy.sin(t) > 0.999, 1, 0)
EDGES = 0.025 * np.arange(401)  # 0 to 10 ms


def course(expression, start=0.0, stop=math.inf):
    return course_of(sympy.sympify(expression), start, stop, {})


def alpha(tau, onset):
    return select(t > onset, (t - onset) / tau * sympy.exp(1 - (t - onset) / tau), 0)


# Courses with the integral from 0 to 10 ms; the tolerance is that of an integral over pulses of width w at time 10:
# the ends of a pulse are floats, each off by up to 1e-15, so the relative error of the width is 2e-15 / w.
@pytest.mark.parametrize(
    ("expression", "total", "rtol"),
    [
        (2, 20.0, 1e-14),
        (3 * t**2, 1000.0, 1e-13),
        (sympy.exp(-t / 5), 5 * -math.expm1(-2), 1e-13),
        (sympy.exp(-t / 1e-4), 1e-4, 1e-13),  # gone after a hundredth of a step
        (sympy.exp(-(((t - 5.0123) / 1e-5) ** 2)), 1e-5 * math.sqrt(math.pi), 1e-11),
        (1 / (1 + ((t - 5.0123) / 1e-4) ** 2), 1e-4 * (math.atan(49877) + math.atan(50123)), 1e-11),
        (1 / sympy.cosh((t - 3) / 2e-3) ** 2, 4e-3, 1e-13),
        (sympy.Piecewise((3, (t >= 1.0001) & (t < 1.0002)), (0, True)), 3e-4, 1e-11),
        (select((t - 4) ** 2 < 1e-6, 1, 0), 2e-3, 1e-11),
        (alpha(0.5, 2.0), 0.5 * math.e * (1 - 17 * math.exp(-16)), 1e-13),
        (select(sympy.Mod(t, 1) < 0.001, 1, 0), 0.01, 1e-11),
        (select((sympy.Mod(t, 1) > 0.5011) & (sympy.Mod(t, 1) < 0.5012), 1, 0), 1e-3, 1e-10),
        (sympy.floor(3 * t), 145.0, 1e-14),
        (sympy.Max(sympy.sin(2 * sympy.pi * t), 0), 10 / math.pi, 1e-13),
        (sympy.Abs(t - 3.003), 0.5 * (3.003**2 + 6.997**2), 1e-14),
        (DOUBLE, 4 * math.acos(0.999), 1e-11),
        (sympy.sqrt(t), 10**1.5 / 1.5, 1e-12),
    ],
)
def test_nothing_is_lost_between_steps(expression, total, rtol):
    amounts = course(expression).amounts(EDGES)
    assert amounts.shape == (400,)
    assert amounts.sum() == pytest.approx(total, rel=rtol)
    if expression != DOUBLE:  # crossings that are nearer than a quarter of a step are not found
        assert course(expression).amounts(np.array([0.0, 10.0])).sum() == pytest.approx(total, rel=10 * rtol)


def test_every_step_gets_its_own_integral():
    amounts = course(sympy.exp(-t / 3) * sympy.cos(t)).amounts(EDGES)
    expected = [quad(lambda s: math.exp(-s / 3) * math.cos(s), a, b, epsabs=1e-15)[0] for a, b in pairwise(EDGES)]
    np.testing.assert_allclose(amounts, expected, rtol=1e-13, atol=1e-17)
    pulse = course(select((t > 1.01) & (t < 1.0101), 1.0, 0.0)).amounts(EDGES)
    assert np.flatnonzero(pulse).tolist() == [40]  # the step from 1.000 to 1.025


def test_start_and_stop_are_exact():
    amounts = course(2, 1.0101, 1.0801).amounts(EDGES)
    np.testing.assert_allclose(amounts[40:44], [2 * 0.0149, 0.05, 0.05, 2 * 0.0051], rtol=1e-12)
    assert amounts.sum() == pytest.approx(2 * 0.07, rel=1e-13)
    short = course(1e6, 3.00011, 3.00011 + 1e-6).amounts(EDGES)
    assert short.sum() == pytest.approx(1.0, rel=1e-9)  # the duration is the difference of two floats near 3
    assert not course(1, 20.0).amounts(EDGES).any()
    assert not course(1, 0.0, 1.0).amounts(EDGES + 5).any()


def test_samples_are_joined_by_lines():
    times, values = np.array([1.0, 1.001, 2.5, 4.0]), np.array([1.0, 5.0, 5.0, -1.0])
    amounts = course_of((times, values), 0.0, math.inf, {}).amounts(EDGES)
    assert amounts.sum() == pytest.approx(np.trapezoid(values, times), rel=1e-14)
    assert amounts[41] == pytest.approx(5 * 0.025, rel=1e-12)
    cut = course_of((times, values), 2.0, 3.25, {}).amounts(EDGES)
    assert cut.sum() == pytest.approx(5 * 0.5 + 0.5 * 0.75 * (5 + 2), rel=1e-14)


def test_round_off_is_not_refined_for_ever():
    """1 - cos(1e-7 t) has no correct digit before 1 ms; the halving must give up."""
    amounts = course(1 - sympy.cos(1e-7 * t)).amounts(EDGES)
    assert amounts.sum() == pytest.approx(1e-14 * 1000 / 6, rel=1e-4)


def test_a_step_gives_the_same_bits_in_any_call():
    courses = [alpha(0.5, 2.003), select(sympy.sin(7 * t) > 0.3, t, 0), select(sympy.Mod(t, 1) < 0.01, 1, 0)]
    sources = [Source(f"s{k}", target=ca[cyt], at=(5, 0, 0), rate=rate) for k, rate in enumerate(courses)]
    sources.append(Source(target=ca[cyt], at=(5, 0, 0), rate=([0, 0.33, 7], [0, 1, 0])))
    arrays = resolve(sources, EQS, MESH)
    whole = arrays.amounts(0.1, 0.025, 300)
    assert whole.shape == (300, 4)
    for first, steps in ((0, 1), (77, 1), (80, 13), (13, 287)):
        part = arrays.amounts(0.1, 0.025, steps, first)
        assert part.tobytes() == whole[first : first + steps].tobytes()
    assert arrays.amounts(0.0, 0.025, 0).shape == (0, 4)


def test_one_node_gets_all():
    arrays = resolve([Source(target=ca[cyt], at=(2.6, 0.3, 0), rate=2 * amol / ms, duration=1 * ms)], EQS, MESH)
    assert (arrays.row.tolist(), arrays.node.tolist(), arrays.source.tolist()) == ([EQS.row(ca[cyt])], [2], [0])
    assert arrays.weight.tolist() == [1.0]
    np.testing.assert_allclose(arrays.per_amount, 1 / (math.pi * 0.8), rtol=1e-14)
    assert arrays.amounts(0.0, 0.1, 20).sum() == pytest.approx(2.0, rel=1e-14)


def test_shares():
    both = resolve([Source(target=ca[cyt], at=[(0.5, 0, 0), Box((5, -1, -1), (9, 1, 1))], rate=1)], EQS, MESH)
    assert both.node.tolist() == [0, 5, 6, 7, 8]
    np.testing.assert_allclose(both.weight, [0.5, *[0.125] * 4], rtol=1e-14)
    wide = resolve([Source(target=ca[cyt], at=(5.2, 0, 0), radius=1.5 * um, rate=1)], EQS, MESH)
    assert wide.node.tolist() == [4, 5, 6]
    narrow = resolve([Source(target=ca[cyt], at=(5.2, 0, 0), radius=0.01, rate=1)], EQS, MESH)
    assert narrow.node.tolist() == [5]
    located = resolve([Source(target=ca[cyt], at=Location("cable", 0.55), radius=1.1, rate=1)], EQS, MESH)
    assert located.node.tolist() == [4, 5, 6]
    for place, nodes in ((Line((0, 0, 0), (2, 0, 0)), [0, 1]), (Plane(axis="x", at=3), [3]), (x < 3 * um, [0, 1, 2])):
        assert resolve([Source(target=ca[cyt], at=place, rate=1)], EQS, MESH).node.tolist() == nodes


def test_shares_are_by_volume_and_keep_to_the_region():
    taper = discretize_geometry(Cable(10.0, diameter=4.0, end_diameter=1.0, n=10))
    arrays = resolve([Source(target=ca[er], at=Box((-1, -5, -5), (11, 5, 5)), rate=1)], EQS, taper, present(taper))
    assert arrays.node.tolist() == [5, 6, 7, 8, 9]
    np.testing.assert_allclose(arrays.weight, taper.volume[5:10] / taper.volume[5:10].sum(), rtol=1e-14)
    np.testing.assert_allclose(arrays.per_amount, 8 / taper.volume[5:10], rtol=1e-14)
    # a uniform release gives a uniform concentration
    rise = arrays.weight * arrays.per_amount
    np.testing.assert_allclose(rise, rise[0], rtol=1e-14)


def test_in_voxels_the_whole_amount_arrives():
    """A release at a point, around it, and in a sphere: rise of concentration times volume, summed, is the amount."""
    mesh = mesh_of(Ball(1.0 * um).voxels(0.25 * um))
    sources = [
        Source("a", target=ca[cyt], at=(0.9, 0.1, 0.1), rate=1),
        Source("b", target=ca[cyt], at=(0.9, 0.1, 0.1), rate=1, radius=0.5),
        Source("c", target=ca[cyt], at=Ball(0.6), rate=1),
        Source("d", target=ca[cyt], at=[(0, 0, 0), (0.5, 0, 0), (0.5, 0, 0)], rate=1),
    ]
    arrays = resolve(sources, EQS, mesh)
    assert mesh.chemical[arrays.node].all()
    arrived = arrays.weight * arrays.per_amount * mesh.volume[arrays.node] * 0.8
    np.testing.assert_allclose(np.bincount(arrays.source, arrived), 1.0, rtol=1e-14)
    assert np.bincount(arrays.source).tolist()[0] == 1
    for k, middle, reach in ((1, (0.9, 0.1, 0.1), 0.5), (2, (0, 0, 0), 0.6)):
        node = arrays.node[arrays.source == k]
        away = np.linalg.norm(np.column_stack([mesh.x, mesh.y, mesh.z]) - middle, axis=1)
        assert node.tolist() == np.flatnonzero(mesh.chemical & (away <= reach)).tolist()
        share = arrays.weight[arrays.source == k] / mesh.volume[node]
        np.testing.assert_allclose(share, share[0], rtol=1e-13)  # the same concentration everywhere
    np.testing.assert_allclose(sorted(arrays.weight[arrays.source == 3]), [1 / 3, 2 / 3], rtol=1e-14)


def present(mesh):
    mask = np.ones((2, mesh.n), dtype=bool)
    mask[EQS.row(ca[er])] = mesh.x[: mesh.n] > 5
    return mask


def test_order_does_not_matter():
    sources = [
        Source("b", target=ca[cyt], at=(5, 0, 0), rate=1),
        Source("a", target=ca[er], at=(8, 0, 0), rate=2),
        Source("a", target=ca[cyt], at=(1, 0, 0), current=1 * pA),
    ]
    one, other = resolve(sources, EQS, MESH), resolve(sources[::-1], EQS, MESH)
    assert one.names == other.names == ("a", "a", "b")
    for name in ("row", "node", "weight", "source", "per_amount"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.amounts(0, 1, 3), other.amounts(0, 1, 3))


def test_parameters_can_be_given_anew():
    strength = Parameter("strength", 2 * amol / ms)
    source = Source(target=ca[cyt], at=(5, 0, 0), rate=strength * sympy.exp(-t / (5 * ms)))
    known = resolve([source], EQS, MESH).amounts(0.0, 1.0, 4)
    np.testing.assert_allclose(known.sum(), 2 * 5 * -math.expm1(-0.8), rtol=1e-13)
    stronger = resolve([source], EQS, MESH, parameters={"strength": 6.0})
    np.testing.assert_allclose(stronger.amounts(0.0, 1.0, 4), 3 * known, rtol=1e-13)


def test_no_sources():
    arrays = resolve([], EQS, MESH)
    assert arrays.amounts(0.0, 0.1, 5).shape == (5, 0)
    assert (arrays.node.size, arrays.row.dtype, arrays.node.dtype) == (0, np.int64, np.int64)


def test_normal_release_against_the_error_function():
    """A Gaussian pulse narrower than a step, cut by start and stop in its flanks."""
    width = 2e-3
    pulse = sympy.exp(-(((t - 4.01) / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi))
    amounts = course(pulse, 4.01 - width, 4.01 + 2 * width).amounts(EDGES)
    # arguments of the normal distribution near 4.01 / width have 1e-15 * 2000 of error
    assert amounts.sum() == pytest.approx(ndtr(2) - ndtr(-1), rel=1e-11)


def one(**changes):
    return [Source(**{"target": ca[cyt], "at": (5, 0, 0), "rate": 1, **changes})]


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: 3, ModelError, r"sources: got 3, expected a list of them; write sources=\[Source\(...\)\]"),
        (lambda: one()[0], ModelError, r"sources: got Source\(.*, expected a list of them; write sources="),
        (lambda: [3], ModelError, r"sources: got 3, expected Source\(...\); give those only"),
        (lambda: one() + one(), ModelError, r"source 'source': it is listed twice, expected once; leave one out"),
        (
            lambda: one(target=Species("k", cyt)[cyt]),
            ModelError,
            r"source 'source': target 'k.cyt' is not a field of model .*, expected one of ca.cyt, ca.er; correct it",
        ),
        (
            lambda: one(at=(5, 9, 0)),
            GeometryError,
            r"source 'source' is at \(5,9,0\), 8 um outside of the cell, expected a point inside; move it",
        ),
        (lambda: one(at=Location("soma")), GeometryError, r"geometry has no section 'soma', expected one of 'cable'"),
        (
            lambda: one(at=Ball(0.1, (5, 3, 0))),
            GeometryError,
            r"source 'source' is at ball\(0.1,\(5,3,0\)\), where there is no node \(the nearest centre is 3.04 um",
        ),
        (
            lambda: one(target=ca[er], at=(1, 0, 0)),
            GeometryError,
            r"source 'source' is at \(1,0,0\), where region 'er' does not exist, expected a place that has it; move",
        ),
    ],
)
def test_mistakes(make, error, sentence):
    with pytest.raises(error, match=sentence):
        resolve(make(), EQS, MESH, present(MESH))


@pytest.mark.parametrize(
    ("rate", "sentence"),
    [
        (1 / (t - 3), r"source: its rate '1/\(t - 3\)' is not finite at t = 3 ms, expected a number at any"),
        (sympy.Piecewise((1, t < 3)), r"source: its rate .* is not finite at t = 3.0\d* ms"),
        (sympy.floor(1e9 * t), r"source: its rate has 1e\+10 jumps between 0 and 10 ms, expected at most 1000000"),
    ],
)
def test_mistakes_in_time(rate, sentence):
    arrays = resolve([Source(target=ca[cyt], at=(5, 0, 0), rate=rate)], EQS, MESH)
    with pytest.raises(SolverError, match=sentence):
        arrays.amounts(0.0, 0.01, 1000)
