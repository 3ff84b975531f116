"""Equations on a mesh: groups of nodes, node inputs, capacities, conductances, initial values, where fields exist."""

import numpy as np
import pytest

from multiscale.errors import GeometryError, ModelError
from multiscale.functions import exp
from multiscale.geometry import Cable, Morphology, Point, Section
from multiscale.model import Model
from multiscale.processes import Current, Flux, Rate
from multiscale.regions import Bath, Membrane, Region, Shell
from multiscale.rxd.edges import diagonal, edge_conductance
from multiscale.rxd.equations import equations
from multiscale.rxd.system import discretize, initial_values
from multiscale.rxd.tree import discretize_geometry
from multiscale.segmentation import SegmentCount
from multiscale.species import Parameter, Species, State
from multiscale.symbols import diameter, distance, section, select, tag

cyt = Region("cyt")


def system_of(geometry, *parts):
    return discretize(equations(Model(*parts)), discretize_geometry(geometry))


def fork():
    trunk = Section("trunk", ((0, 0, 0, 4.0), (30, 0, 0, 2.0)), tag=3)
    up = Section("up", ((30, 0, 0, 2.0), (50, 10, 0, 1.0)), tag=4, parent="trunk")
    down = Section("down", ((30, 0, 0, 1.5), (60, -10, 0, 1.5)), tag=3, parent="trunk")
    return Morphology((trunk, up, down), segments=SegmentCount(3))


def test_rows_are_sorted_by_name():
    plasma = Membrane("p", inside=cyt, capacitance=0.01)
    m, z, a = State("m", plasma), Species("z", cyt), Species("a", cyt)
    model = Model(Rate("r", z[cyt], a[cyt]), Rate("s", m, -m), Current("c", None, plasma, plasma.v))
    fields = equations(model).fields
    assert [(f.name, f.row, f.kind, f.unit) for f in fields] == [
        ("a.cyt", 0, "concentration", "mM"),
        ("m", 1, "state", "1"),
        ("v", 2, "potential", "mV"),
        ("z.cyt", 3, "concentration", "mM"),
    ]
    assert equations(model).potential == fields[2]


def test_what_depends_on_position_alone_is_one_input():
    """Each distinct factor is worked out once a node, not once a step."""
    a, b = Species("a", cyt), Species("b", cyt)
    profile = exp(-distance / 10)
    system = system_of(
        Cable(8, n=4), Rate("r", a[cyt], -profile * a[cyt]), Rate("s", b[cyt], -profile * b[cyt] + diameter)
    )
    assert len(system.equations.inputs) == 2
    values = sorted(system.inputs[:, :4].tolist())
    np.testing.assert_allclose(values[0], np.exp(-np.array([1, 3, 5, 7]) / 10), rtol=1e-15)
    np.testing.assert_allclose(values[1], 1.0)  # diameter


def test_parameters_are_numbers_or_inputs():
    a = Species("a", cyt)
    uniform, local = Parameter("uniform", 2.0), Parameter("local", exp(-distance))
    bath = Bath(a=7.0)
    wall = Membrane("wall", inside=cyt, outside=bath)
    system = system_of(
        Cable(8, n=4, diameter=2.0),
        Rate("r", a[cyt], uniform * local * a[cyt]),
        Flux("f", a[bath], a[cyt], 0.5 * a[bath], membrane=wall),
    )
    assert [(name, value) for name, _, value in system.equations.parameters] == [("uniform", 2.0), ("a.bath", 7.0)]
    values = sorted(system.inputs[:, :4].tolist())
    np.testing.assert_allclose(values[0], np.exp(-np.array([1, 3, 5, 7])), rtol=1e-15)
    np.testing.assert_allclose(values[1], 4 / 2.0, rtol=1e-15)  # lateral area over volume of a cylinder: 4/diameter


def test_groups_are_the_nodes_at_which_the_same_terms_act():
    a, b = Species("a", cyt), Species("b", cyt)
    everywhere = Rate("everywhere", a[cyt], -a[cyt])
    # too different to be worth one kernel: the second does many times the work of the first
    heavy = sum(exp(-n * b[cyt]) / (n + b[cyt]) for n in range(1, 20))
    system = system_of(fork(), everywhere, Rate("there", b[cyt], -heavy, where=tag("apical")))
    assert [[t.name for t in g.terms] for g in system.groups] == [["everywhere"], ["everywhere", "there"]]
    np.testing.assert_array_equal(system.groups[0].nodes, [0, 1, 2, 6, 7, 8])
    np.testing.assert_array_equal(system.groups[1].nodes, [3, 4, 5])
    assert not system.groups[0].contiguous
    assert system.groups[1].contiguous


def test_groups_of_much_the_same_work_become_one():
    """The term that does not act everywhere is multiplied by a 0/1 input."""
    a, b = Species("a", cyt), Species("b", cyt)
    both = Rate("both", a[cyt], -exp(-a[cyt]) * a[cyt] / (1 + a[cyt]))
    system = system_of(Cable(4, n=4), both, Rate("there", b[cyt], -b[cyt], where=distance > 2))
    (group,) = system.groups
    assert [t.name for t in group.terms] == ["both", "there"]
    assert len(system.equations.inputs) == 1
    np.testing.assert_array_equal(system.inputs[0, :4], [0, 0, 1, 1])


def test_nodes_without_any_process_are_in_no_group():
    a = Species("a", cyt)
    system = system_of(Cable(4, n=4), Rate("r", a[cyt], -a[cyt], where=distance > 2))
    (group,) = system.groups
    np.testing.assert_array_equal(group.nodes, [2, 3])


def test_a_process_acts_only_where_all_that_it_reads_exists():
    there = Region("there", where=section("up"))
    a, b = Species("a", cyt, initial=1.0), Species("b", there)
    system = system_of(fork(), Flux("f", a[cyt], b[there], 1.0 * a[cyt]))
    (group,) = system.groups
    np.testing.assert_array_equal(group.nodes, [3, 4, 5])
    np.testing.assert_array_equal(system.present, [[True] * 9, [False] * 3 + [True] * 3 + [False] * 3])


def test_capacities_and_conductances_of_a_cable():
    """Capacity: volume times fraction; conductance: D A fraction over the distance of the centres."""
    part, sleeve = Region("part", fraction=0.25), Region("sleeve", shell=Shell(1.0, 1.2))
    a = Species("a", (part, sleeve), d={part: 2.0, sleeve: 3.0})
    system = system_of(Cable(10, n=5, diameter=4.0), a)
    area = np.pi * 2**2
    spread = system.diffusion
    assert [system.fields[r].name for r in spread.rows] == ["a.part", "a.sleeve"]
    for k, (d, fraction) in enumerate([(2.0, 0.25), (3.0, 1.2**2 - 1)]):
        np.testing.assert_allclose(spread.mass[k], 2 * area * fraction, rtol=1e-14)
        np.testing.assert_allclose(spread.conductance[k], [0, *[d * area * fraction / 2] * 4], rtol=1e-14)
        assert spread.stiffness[k] == pytest.approx(4 * d / 2**2, rel=1e-14)  # 4 D/dx^2


def test_fields_end_where_their_region_ends():
    there = Region("there", where=distance < 5)
    system = system_of(Cable(10, n=5), Species("a", there, d=1.0))
    np.testing.assert_array_equal(system.diffusion.mass[0] > 0, [True, True, False, False, False])  # centres 1, 3, 5
    np.testing.assert_array_equal(system.diffusion.conductance[0] > 0, [False, True, False, False, False])


def test_conductances_are_two_halves_in_series_on_a_tree():
    mesh = discretize_geometry(fork())
    mobility = np.linspace(0.5, 2.0, mesh.n)
    g = edge_conductance(mesh, mobility)
    for i in range(mesh.n_total):
        parent = mesh.parent[i]
        if parent < 0:
            assert g[i] == 0
            continue
        mine = mesh.half_self[i] / mobility[i] if i < mesh.n else 0.0
        other = mesh.half_parent[i] / mobility[parent] if parent < mesh.n else 0.0
        assert g[i] == pytest.approx(1 / (mine + other), rel=1e-14)
    total = np.zeros(mesh.n_total)
    for i in range(1, mesh.n_total):
        total[i] += g[i]
        total[mesh.parent[i]] += g[i]
    np.testing.assert_allclose(diagonal(mesh, g), total, rtol=1e-14)


def test_closed_nodes_conduct_nothing():
    mesh = discretize_geometry(Cable(5, n=5))
    g = edge_conductance(mesh, np.array([1.0, 1.0, 0.0, 1.0, 1.0]))
    np.testing.assert_array_equal(g > 0, [False, True, False, False, True])
    assert np.isfinite(g).all()


def test_the_cable_equation():
    """Capacitance of the covered area, and axial conductance A/(rho dx)."""
    plasma = Membrane("p", inside=cyt, capacitance=0.02, resistivity=5.0, area=0.5, where=distance < 5)
    system = system_of(Cable(10, n=5, diameter=2.0), Current("c", None, plasma, plasma.v))
    lateral = np.pi * 2 * 2
    covered = np.array([1, 1, 0, 0, 0])
    np.testing.assert_allclose(system.cable.area, 0.5 * lateral * covered, rtol=1e-14)
    np.testing.assert_allclose(system.cable.capacitance, 0.01 * lateral * covered, rtol=1e-14)
    np.testing.assert_allclose(system.cable.axial, [0, *[np.pi / (5.0 * 2)] * 4], rtol=1e-14)
    assert system.present.all()  # the potential is everywhere


def test_rows_that_currents_move():
    space = Region("space", shell=Shell(1.0, 1.1))
    plasma = Membrane("p", inside=cyt, outside=space, capacitance=0.01)
    k, na = Species("k", (cyt, space), z=1, initial=1.0), Species("na", cyt, z=1, initial=1.0)
    system = system_of(
        Cable(10, n=5), Current("k", k, plasma, plasma.v - k.nernst(plasma)), Rate("na", na[cyt], -na[cyt])
    )
    assert [system.fields[r].name for r in system.cable.moved] == ["k.cyt", "k.space"]


def test_a_single_node_does_not_diffuse():
    system = system_of(Point(), Species("a", cyt, d=1.0))
    assert system.diffusion.rows.size == 0
    assert system.diffusion.mass.shape == (0, 1)


# --- initial values ---------------------------------------------------------------------------------------------------


def start(system, changed=None, **parameters):
    known = {name: value for name, _, value in system.equations.parameters} | parameters
    values = initial_values(system, known, changed or {})
    return {f.name: values[f.row, : system.mesh.n] for f in system.fields}


def test_initial_values_may_depend_on_each_other():
    """On positions, parameters, and other fields, in any order; the later ones follow what is replaced."""
    scale = Parameter("scale", 2.0)
    a = Species("a", cyt, initial=scale * distance)
    b = Species("b", cyt, initial=a[cyt] ** 2)
    c = State("c", cyt, initial=1 / (1 + b[cyt]))
    system = system_of(Cable(4, n=4), Rate("r", c, -c * scale), Rate("q", b[cyt], 0 * a[cyt]), a)
    x = np.arange(4) + 0.5
    found = start(system)
    np.testing.assert_allclose(found["a.cyt"], 2 * x, rtol=1e-15)
    np.testing.assert_allclose(found["b.cyt"], 4 * x**2, rtol=1e-15)
    np.testing.assert_allclose(found["c.cyt"], 1 / (1 + 4 * x**2), rtol=1e-15)
    other = start(system, {a[cyt]: 3.0}, scale=7.0)
    np.testing.assert_allclose(other["c.cyt"], 0.1, rtol=1e-15)


def test_absent_fields_start_at_zero_and_are_not_checked():
    there = Region("there", where=distance > 2)
    a = Species("a", there, initial=select(distance > 2, 1.0, -1.0))
    found = start(system_of(Cable(4, n=4), Model(a).species[0]))
    np.testing.assert_array_equal(found["a.there"], [0, 0, 1, 1])


@pytest.mark.parametrize(
    ("initial", "sentence"),
    [
        (1 / (distance - 0.5), r"field 'a.cyt': its initial value is inf at node 0, expected a finite number; check"),
        (distance - 2, r"field 'a.cyt': its initial value is negative \(-1.5 mM\), expected a .* 0 or more; check"),
    ],
)
def test_initial_values_that_cannot_be(initial, sentence):
    with pytest.raises(ModelError, match=sentence):
        start(system_of(Cable(4, n=4), Species("a", cyt, initial=initial)))


def test_initial_values_that_need_each_other():
    a, b = Species("a", cyt), Species("b", cyt)
    system = system_of(Cable(4, n=4), a, b)
    with pytest.raises(
        ModelError, match=r"the initial values of 'a.cyt', 'b.cyt' need each other; give one of them as"
    ):
        start(system, {a[cyt]: b[cyt], b[cyt]: 2 * a[cyt]})


def test_what_does_not_fit_a_tree():
    with pytest.raises(GeometryError, match="model 'model': none of its fields exists at any of the 9 nodes; check"):
        system_of(fork(), Species("a", Region("r", where=tag("axon"))))
    with pytest.raises(
        GeometryError, match="species 'a': d has 3 components, expected one number on a 1-D tree; give a"
    ):
        system_of(fork(), Species("a", cyt, d=(1, 1, 1)))
    with pytest.raises(
        ModelError, match=r"species 'a': d is -3.5 .* at some node, expected a finite number of 0 or more"
    ):
        system_of(Cable(4, n=4), Species("a", cyt, d=distance - 4))
