"""Sections and segments of real cells equal those of NEURON's import3d, which stores points in single precision."""

from pathlib import Path

import numpy as np
import pytest

from multiscale.geometry import Location
from multiscale.rxd.tree import discretize_geometry
from multiscale.segmentation import DLambda, SegmentCount
from multiscale.voxelize.readers import example_morphology, read_morphology

pytestmark = pytest.mark.neuron

SINGLE = 1e-4  # relative: coordinates of hundreds of um are rounded by 3e-5 um, segments may be shorter than 1 um
SUM = 1e-6
SEGMENTS = 5


@pytest.fixture
def imported():
    from neuron import h

    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")

    def load(path, reader):
        h("forall delete_section()")
        file = getattr(h, reader)()
        file.quiet = 1
        file.input(str(path))
        h.Import3d_GUI(file, False).instantiate(None)
        sections = list(h.allsec())
        return {section.name().replace("soma[0]", "soma"): section for section in sections}

    yield load
    h("forall delete_section()")


def test_every_segment_of_c91662(imported):
    path = example_morphology("c91662.swc")
    cell = read_morphology(path, SegmentCount(SEGMENTS))
    theirs = imported(path, "Import3d_SWC_read")
    mesh = discretize_geometry(cell)
    assert {section.name for section in cell.sections} == theirs.keys()
    for section in cell.sections:
        their = theirs[section.name]
        their.nseg, their.Ra = SEGMENTS, 100.0
        above = their.parentseg()
        joint = (above.sec.name().replace("soma[0]", "soma"), above.x) if above else None
        assert joint == ((cell.sections[section.parent].name, section.parent_x) if section.parent >= 0 else None)
        first = mesh.locate(Location(section.name, 0.0))
        nodes = slice(first, first + SEGMENTS)
        np.testing.assert_allclose(section.length, their.L, rtol=SINGLE)
        np.testing.assert_allclose(mesh.area[nodes], [segment.area() for segment in their], rtol=SINGLE)
        np.testing.assert_allclose(mesh.volume[nodes], [segment.volume() for segment in their], rtol=SINGLE)
        megohm = (mesh.half_self + mesh.half_parent)[first + 1 : first + SEGMENTS]  # 100 ohm cm/um = 1 Mohm
        np.testing.assert_allclose(megohm, [segment.ri() for segment in their][1:], rtol=SINGLE)


def test_totals_of_ca1_n120(imported):
    """NEURON makes one section more: it cuts where the lines of an unbranched dendrite do not follow one another."""
    path = example_morphology("ca1_n120.swc")
    cell, theirs = read_morphology(path), imported(path, "Import3d_SWC_read")
    assert len(theirs) == len(cell.sections) + 1
    np.testing.assert_allclose(cell.length, sum(their.L for their in theirs.values()), rtol=SUM)
    np.testing.assert_allclose(cell.area, sum(s.area() for their in theirs.values() for s in their), rtol=SUM)
    np.testing.assert_allclose(cell.volume, sum(s.volume() for their in theirs.values() for s in their), rtol=SUM)


def test_d_lambda_counts(imported):
    from neuron import h

    path = example_morphology("c91662.swc")
    cell, theirs = read_morphology(path), imported(path, "Import3d_SWC_read")
    counts = []
    for section in cell.sections:
        their = theirs[section.name]
        their.Ra, their.cm = 100.0, 1.0
        counts.append(int((their.L / (0.1 * h.lambda_f(100, sec=their)) + 0.9) / 2) * 2 + 1)
    assert DLambda().counts(cell.lines).tolist() == counts


def test_a_neurolucida_file(imported):
    """The soma's slices lie elsewhere than NEURON's, so only its size is compared."""
    path = Path(__file__).parents[1] / "data" / "small.asc"
    cell, theirs = read_morphology(path), imported(path, "Import3d_Neurolucida3")
    assert {section.name for section in cell.sections} == theirs.keys()
    for section, area in zip(cell.sections, cell.lines.area, strict=True):
        their = theirs[section.name]
        rtol = 0.03 if section.name == "soma" else SINGLE
        np.testing.assert_allclose([section.length, area], [their.L, sum(s.area() for s in their)], rtol=rtol)
