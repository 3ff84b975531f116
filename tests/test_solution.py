"""What a Solution holds, selects, appends and refuses."""

import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import numpy as np
import pytest

from multiscale.errors import FormatError
from multiscale.geometry import Cable, Morphology, Point, Section
from multiscale.rxd.tree import discretize_geometry
from multiscale.segmentation import SegmentCount
from multiscale.solution import Solution

TIMES = np.array([0.0, 0.5, 1.0, 2.0])


def fork():
    """A soma with two dendrites at its end: a tree with a junction."""
    soma = Section("soma", ((0, 0, 0, 10), (10, 0, 0, 10)), tag=1, parent=-1, parent_x=0.0)
    up = Section("dend[0]", ((10, 0, 0, 2), (50, 30, 0, 1)), tag=3, parent=0, parent_x=1.0)
    down = Section("dend[1]", ((10, 0, 0, 2), (50, -30, 0, 1)), tag=3, parent=0, parent_x=1.0)
    return Morphology((soma, up, down), SegmentCount(3))


@pytest.fixture
def mesh():
    return discretize_geometry(fork())


@pytest.fixture
def sol(mesh):
    """Everywhere: ca, with no value in the soma; at two nodes: v; at one: v@; nowhere: the clamp's current."""
    ca = np.outer(TIMES + 1, np.arange(mesh.n, dtype=float))
    ca[:, :3] = np.nan
    fields = {
        "ca.cyt": ca,
        "v": TIMES[:, None] * [1.0, -1.0],
        "hh.m@dend[1](0.5)": TIMES[:, None],
        "clamp.i": TIMES * 3,
    }
    nodes = {"v": [4, 1], "hh.m@dend[1](0.5)": [7]}
    units = {"ca.cyt": "mM", "v": "mV", "clamp.i": "pA"}
    attrs = {"model_hash": "abc", "seed": 7, "run_s": 0.25, "extra": {"deep": True}, "unknown": None}
    return Solution.from_arrays(TIMES, fields, units, mesh, nodes, attrs)


def test_a_variable_has_the_coordinates_of_its_nodes(sol, mesh):
    ca = sol["ca.cyt"]
    assert ca.dims == ("time", "node")
    assert ca.attrs["units"] == "mM"
    assert ca["time"].attrs["units"] == "ms"
    assert ca["x"].attrs["units"] == "um"
    for name in ("x", "y", "z", "arc", "distance", "diameter", "length", "position"):
        np.testing.assert_array_equal(ca[name], getattr(mesh, name))
    np.testing.assert_array_equal(ca["volume"], mesh.volume[: mesh.n])
    np.testing.assert_array_equal(ca["area"], mesh.area[: mesh.n])
    assert ca["section"].values.tolist() == ["soma"] * 3 + ["dend[0]"] * 3 + ["dend[1]"] * 3
    assert ca["tag"].values.tolist() == [1] * 3 + [3] * 6
    assert ca["parent_node"].values.tolist() == [-1, 0, 1, 2, 3, 4, 2, 6, 7]  # junctions are passed over
    assert float(ca.sel(time=0.9, method="nearest", node=8)) == 16.0
    assert np.isnan(ca.sel(node=0)).all()


def test_probes_have_their_own_nodes(sol):
    v = sol["v"]
    assert v.dims == ("time", "node")
    assert v["node"].values.tolist() == [4, 1]
    assert v["section"].values.tolist() == ["dend[0]", "soma"]
    np.testing.assert_array_equal(v.sel(node=1), -TIMES)


def test_a_single_node_leaves_the_time_alone(sol):
    m = sol["hh.m@dend[1](0.5)"]
    assert m.dims == ("time",)
    assert (int(m["node"]), str(m["section"].values), float(m["position"])) == (7, "dend[1]", 0.5)
    assert sol["clamp.i"].dims == ("time",)
    assert "section" not in sol["clamp.i"].coords


def test_a_point_has_no_node_dimension():
    sol = Solution.from_arrays(TIMES, {"ip3": TIMES[:, None]}, {}, discretize_geometry(Point(volume=2.0)))
    assert sol["ip3"].dims == ("time",)
    assert float(sol["ip3"]["volume"]) == pytest.approx(2.0, rel=1e-12)
    assert sol["ip3"].attrs["units"] == "1"


def test_values_are_not_copied(mesh):
    values = np.zeros((4, mesh.n))
    assert np.shares_memory(Solution.from_arrays(TIMES, {"v": values}, {}, mesh)["v"].values, values)


def test_keys_may_be_symbols_and_what_has_one_place(sol):
    symbol = SimpleNamespace(name="ca.cyt")
    one_place = SimpleNamespace(name="ca", _sympy_=lambda: symbol)
    probe = SimpleNamespace(name="hh.m@dend[1](0.5)", field=SimpleNamespace(name="hh.m"), location="dend[1](0.5)")
    assert sol[symbol].identical(sol["ca.cyt"])
    assert sol[one_place].identical(sol["ca.cyt"])
    assert sol[probe].identical(sol["hh.m@dend[1](0.5)"])
    assert "v" in sol
    assert symbol in sol
    assert "na" not in sol


def test_at_a_location(sol, mesh):
    cell = fork()
    for x in (0.0, 0.2, 1 / 3, 0.5, 0.9, 1.0):
        found = sol.at("ca.cyt", cell["dend[1]"](x))
        assert int(found["node"]) == mesh.locate(cell["dend[1]"](x))
        assert found.identical(sol.at("ca.cyt", ("dend[1]", x)))
    np.testing.assert_array_equal(sol.at("v", ("soma", 0.5)), -TIMES)
    np.testing.assert_array_equal(sol.at("v", 4), TIMES)
    np.testing.assert_array_equal(sol.at("hh.m", ("dend[1]", 0.4)), TIMES)  # recorded as a probe


@pytest.mark.parametrize(
    ("name", "place", "sentence"),
    [
        ("na", 0, "solution: 'na' was not recorded; recorded is 'ca.cyt', 'v', 'hh.m@dend.1..0.5.', 'clamp.i'"),
        ("v", ("soma", 0.1), r"'v' was not recorded at soma\(0.1\); it was at dend\[0\]\(0.5\), soma\(0.5\)$"),
        ("v", 8, r"'v' was not recorded at node 8; it was at dend\[0\]"),
        ("ca.cyt", ("apical", 0.1), r"not recorded at apical\(0.1\); it was at soma.*, \.\.\.$"),
        ("clamp.i", 0, r"'clamp.i' has one value a time and no place; use sol\['clamp.i'\]"),
    ],
)
def test_at_says_where_it_was_recorded(sol, name, place, sentence):
    with pytest.raises(FormatError, match=sentence):
        sol.at(name, place)


def test_select(sol):
    part = sol.select("v", "clamp.i", start=0.5, stop=1.0)
    assert part.names == ("v", "clamp.i")
    np.testing.assert_array_equal(part.times, [0.5, 1.0])
    assert part["v"]["section"].values.tolist() == ["dend[0]", "soma"]
    assert sol.select(stop=0.0).names == sol.names
    assert sol.names == ("ca.cyt", "v", "hh.m@dend[1](0.5)", "clamp.i")


def test_concat_appends_and_keeps_a_shared_time_once(sol):
    first, second, third = sol.select(stop=0.5), sol.select(start=0.5, stop=1.0), sol.select(start=1.0)
    joined = first.concat(second, third)
    assert joined.dataset.drop_attrs(deep=False).identical(sol.dataset.drop_attrs(deep=False))
    assert joined.attrs["run_s"] == pytest.approx(0.75)
    assert joined.attrs["model_hash"] == "abc"
    assert first.concat().dataset.identical(first.dataset)


def test_concat_refuses_another_recording(sol):
    with pytest.raises(FormatError, match=r"cannot append v on 9 nodes to ca.cyt, v, .*; record the same variables"):
        sol.concat(sol.select("v"))


def test_attributes_are_plain_and_versions_are_kept(sol):
    attrs = sol.attrs
    assert (attrs["model_hash"], attrs["seed"], attrs["extra.deep"]) == ("abc", 7, 1)
    assert "unknown" not in attrs
    assert attrs["versions.numpy"] == np.__version__
    assert all(type(value) in (str, int, float) for value in attrs.values())


def test_describe_and_repr(sol):
    text = sol.describe()
    assert "solution: ca.cyt, v, hh.m@dend[1](0.5), clamp.i on 9 nodes, 4 times from 0 to 2 ms" in text
    assert "  ca.cyt: 3 to 24 mM at 9 nodes" in text
    assert "  clamp.i: 0 to 6 pA at 1 node" in text
    assert "  model_hash: abc" in text
    assert repr(sol).startswith("<solution: ca.cyt")
    empty = Solution.from_arrays([], {"v": np.zeros((0, 2))}, {}, discretize_geometry(Cable(10.0, n=2)))
    assert "no finite value" in empty.describe()


@pytest.mark.parametrize(
    ("values", "nodes", "shape"),
    [(np.zeros((4, 5)), None, r"\(4, 5\), expected \(4, 9\)"), (np.zeros((3, 9)), None, r"\(3, 9\), expected \(4, 9\)"),
     (np.zeros((4, 9)), [1, 2], r"\(4, 9\), expected \(4, 2\)"), (np.zeros(4), [1, 2], r"\(4,\), expected \(4, 2\)")],
)  # fmt: skip
def test_a_wrong_shape_is_refused(mesh, values, nodes, shape):
    with pytest.raises(FormatError, match=f"solution: 'v' has shape {shape} for"):
        Solution.from_arrays(TIMES, {"v": values}, {}, mesh, {"v": nodes})


def test_is_a_value(sol):
    with pytest.raises(FrozenInstanceError):
        sol.dataset = None
    assert pickle.loads(pickle.dumps(sol)).dataset.identical(sol.dataset)


def test_importing_it_is_light():
    heavy = ("xarray", "h5py", "sympy", "matplotlib")
    code = f"import sys, multiscale.solution; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
