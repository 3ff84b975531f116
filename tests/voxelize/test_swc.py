"""SWC files: somata, sections, joints, and what is refused with its line."""

from pathlib import Path

import numpy as np
import pytest

from multiscale.errors import FormatError
from multiscale.voxelize.readers import example_morphology, read_morphology

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "cell.swc"
        path.write_text(text, encoding="utf-8")
        return read_morphology(path)

    return read_text


def joints(cell):
    """Name -> (name of the parent, place on it)."""
    return {
        section.name: (cell.sections[section.parent].name, section.parent_x) if section.parent >= 0 else None
        for section in cell.sections
    }


def test_one_point_soma_is_a_sphere(read):
    cell = read("1 1 1 2 3 5 -1\n2 3 1 10 3 1 1\n3 3 1 20 3 1 2\n")
    assert cell.soma.points == ((-4, 2, 3, 10), (1, 2, 3, 10), (6, 2, 3, 10))
    assert joints(cell) == {"soma": None, "dend[0]": ("soma", 0.5)}
    assert cell["dend[0]"].points == ((1, 10, 3, 2), (1, 20, 3, 2))  # the gap to the soma is no part of it
    np.testing.assert_allclose(np.pi * 10 * cell.soma.length, 4 * np.pi * 5**2)


def test_a_soma_alone(read):
    assert [section.name for section in read("7 1 0 0 0 5 -1").sections] == ["soma"]


def test_two_point_soma_is_a_cylinder_with_neurites_at_its_ends(read):
    cell = read("1 1 0 0 0 4 -1\n2 1 10 0 0 4 1\n3 3 12 0 0 1 2\n4 3 20 0 0 1 3\n5 2 -3 0 0 0.5 1\n6 2 -9 0 0 0.5 5\n")
    assert joints(cell) == {"soma": None, "dend[0]": ("soma", 1.0), "axon[0]": ("soma", 0.0)}
    assert cell.soma.points == ((0, 0, 0, 8), (10, 0, 0, 8))
    assert cell["dend[0]"].points == ((10, 0, 0, 2), (12, 0, 0, 2), (20, 0, 0, 2))
    assert cell["axon[0]"].points[0] == (0, 0, 0, 1)


def test_three_point_soma_is_a_sphere_along_its_points():
    cell = read_morphology(DATA / "three_point_soma.swc")
    assert cell.soma.points == ((0, -5, 0, 10), (0, 0, 0, 10), (0, 5, 0, 10))
    assert joints(cell) == {"soma": None, "dend[0]": ("soma", 0.5), "axon[0]": ("soma", 0.5)}
    assert cell["axon[0]"].length == 30


def test_three_points_that_are_no_sphere_stay_points(read):
    cell = read("1 1 0 0 0 5 -1\n2 1 0 -9 0 4 1\n3 1 0 9 0 4 1\n4 3 0 20 0 1 3\n5 3 0 30 0 1 4\n")
    assert joints(cell) == {"soma[0]": None, "soma[1]": ("soma[0]", 0.0), "dend[0]": ("soma[1]", 1.0)}
    assert cell["soma[1]"].points == ((0, 0, 0, 10), (0, 9, 0, 8))


def test_soma_of_many_points(read):
    soma = "".join(f"{i} 1 {3 * i} 0 0 {4 + i % 2} {i - 1 if i > 1 else -1}\n" for i in range(1, 6))
    cell = read(soma + "6 3 9 7 0 1 3\n7 3 9 17 0 1 6\n8 4 16 0 0 1 5\n9 4 26 0 0 1 8\n10 2 9 -9 0 1 3\n")
    assert joints(cell) == {
        "soma": None,
        "dend[0]": ("soma", 0.5),
        "apic[0]": ("soma", 1.0),
        "axon[0]": ("soma", 0.5),
    }
    assert len(cell.soma.points) == 5
    assert cell["dend[0]"].points == ((9, 7, 0, 2), (9, 17, 0, 2))
    assert cell["apic[0]"].points[0] == (15, 0, 0, 2)
    assert cell["axon[0]"].points == ((9, 0, 0, 2), (9, -9, 0, 2))  # a single point: from the soma to there


def test_outline_soma_becomes_a_body_of_revolution():
    """The outline is an ellipse with semi-axes 8 and 6, so the body is a prolate spheroid; 12 corners lie inside it."""
    cell = read_morphology(DATA / "outline.swc")
    soma = cell.soma
    excentricity = np.sqrt(1 - 6**2 / 8**2)
    area = 2 * np.pi * 36 * (1 + 8 / 6 / excentricity * np.arcsin(excentricity))
    volume = 4 / 3 * np.pi * 8 * 36
    np.testing.assert_allclose(soma.length, 16, rtol=1e-3)
    np.testing.assert_allclose(cell.lines.area[0], area, rtol=0.05)
    np.testing.assert_allclose(cell.lines.volume[0], volume, rtol=0.08)
    assert max(d for *_, d in soma.points) == pytest.approx(12, rel=1e-3)
    assert joints(cell)["dend[0]"] == ("soma", 0.5)
    assert cell["dend[0]"].length == 20


def test_sections_end_at_branches_and_where_the_tag_changes(read):
    cell = read(
        "1 3 0 0 0 2 -1\n2 3 10 0 0 2 1\n3 3 20 0 0 1 2\n4 3 30 5 0 1 3\n5 3 40 5 0 1 4\n6 4 30 -5 0 0.5 3\n"
        "7 2 50 5 0 0.2 5\n8 6 60 5 0 0.2 7\n"
    )
    assert joints(cell) == {
        "dend[0]": None,
        "dend[1]": ("dend[0]", 1.0),
        "apic[0]": ("dend[0]", 1.0),
        "axon[0]": ("dend[1]", 1.0),
        "dend_6[0]": ("axon[0]", 1.0),
    }
    assert cell["apic[0]"].points == ((20, 0, 0, 2), (30, -5, 0, 1))  # starts with its parent's point and diameter
    assert [section.tag for section in cell.sections] == [3, 3, 4, 2, 6]


def test_a_neurite_that_branches_at_its_first_point(read):
    cell = read("1 1 0 0 0 5 -1\n2 3 6 0 0 1 1\n3 3 16 0 0 1 2\n4 3 6 9 0 1 2\n")
    assert joints(cell) == {"soma": None, "dend[0]": ("soma", 0.5), "dend[1]": ("dend[0]", 0.0)}
    assert cell["dend[1]"].points == ((6, 0, 0, 2), (6, 9, 0, 2))


def test_a_first_point_with_children_of_other_tags_reaches_the_soma(read):
    cell = read("1 1 0 0 0 5 -1\n2 3 6 0 0 1 1\n3 2 16 0 0 1 2\n4 2 6 9 0 1 2\n")
    assert joints(cell)["dend[0]"] == ("soma", 0.5)
    assert joints(cell)["axon[0]"] == joints(cell)["axon[1]"] == ("dend[0]", 1.0)
    assert cell["dend[0]"].points == ((0, 0, 0, 2), (6, 0, 0, 2))


def test_a_root_that_is_no_soma_and_branches(read):
    cell = read("1 3 0 0 0 1 -1\n2 3 9 0 0 1 1\n3 3 -9 0 0 1 1\n4 4 0 9 0 1 1\n")
    assert joints(cell) == {"dend[0]": None, "dend[1]": ("dend[0]", 0.0), "apic[0]": ("dend[0]", 0.0)}


def test_sections_without_length_are_left_out(read):
    cell = read(
        "1 3 0 0 0 1 -1\n2 3 9 0 0 1 1\n3 3 9 0 0 0.5 2\n4 3 19 0 0 0.5 3\n5 3 19 5 0 0.5 3\n6 3 9 9 0 1 2\n"
        "7 3 9 9 9 1 6\n"
    )
    assert joints(cell) == {
        "dend[0]": None,
        "dend[1]": ("dend[0]", 1.0),
        "dend[2]": ("dend[0]", 1.0),
        "dend[3]": ("dend[0]", 1.0),
    }
    np.testing.assert_allclose(cell.length, 9 + 10 + np.sqrt(125) + 18)


def test_order_of_lines_does_not_matter(read):
    lines = [f"{i} 3 {10 * i} {i % 3} 0 1 {i - 1 if i > 1 else -1}" for i in range(1, 8)] + ["8 3 30 50 0 1 3"]
    straight = read("\n".join(lines))
    backward = read("\n".join(reversed(lines)))
    assert [section.name for section in straight.sections] == ["dend[0]", "dend[1]", "dend[2]"]
    assert sorted(s.points for s in straight.sections) == sorted(s.points for s in backward.sections)


def test_comments_blank_lines_and_more_columns_are_read_over(read):
    cell = read("\ufeff# made by hand\n\n 1 1 0 0 0 5 -1 # root\n2,3,6,0,0,1,1\n\n3\t3\t16 0 0 1.0e0 2 0.5 note\n")
    assert [section.name for section in cell.sections] == ["soma", "dend[0]"]


@pytest.mark.parametrize(
    ("name", "sections", "tips", "length", "area", "volume"),
    [
        ("c91662.swc", {"soma": 1, "axon": 1, "dend": 58, "apic": 134}, 99, 15346.108, 19505.54, 7365.66),
        ("ca1_n120.swc", {"soma": 2, "dend": 100, "apic": 53}, 78, 11910.100, 32493.47, 11950.96),
    ],
)
def test_real_cells(name, sections, tips, length, area, volume):
    """The numbers are those of NEURON 9's import3d, which stores single precision."""
    cell = read_morphology(example_morphology(name))
    kinds = [section.name.partition("[")[0] for section in cell.sections]
    assert {kind: kinds.count(kind) for kind in kinds} == sections
    assert len(cell.sections) - len(set(cell.parents) - {-1}) == tips
    np.testing.assert_allclose([cell.length, cell.area, cell.volume], [length, area, volume], rtol=1e-6)


ROOT = "1 1 0 0 0 5 -1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"cell\.swc has no points, expected lines 'id tag x y z radius parent'"),
        ("# nothing\n\n", r"cell\.swc has no points"),
        (ROOT + "2 3 6 0 0 1\n", r"cell\.swc line 2: 6 columns, expected 7: id tag x y z radius parent"),
        (ROOT + "\n2 3 six 0 0 1 1\n", r"cell\.swc line 3: x is 'six', expected a number"),
        (ROOT + "2 3 6 nan 0 1 1\n", r"cell\.swc line 2: y is nan, expected a finite number"),
        (ROOT + "2 3 6 0 0 inf 1\n", r"cell\.swc line 2: radius is inf, expected a finite number"),
        (ROOT + "2.5 3 6 0 0 1 1\n", r"cell\.swc line 2: id is 2\.5, expected a whole number"),
        (ROOT + "2 dend 6 0 0 1 1\n", r"cell\.swc line 2: tag is 'dend', expected a number"),
        (ROOT + "2 3 6 0 0 1 1.5\n", r"cell\.swc line 2: parent is 1\.5, expected a whole number"),
        (ROOT + "-2 3 6 0 0 1 1\n", r"cell\.swc line 2: id is -2, expected 0 or more"),
        (ROOT + "2 -3 6 0 0 1 1\n", r"cell\.swc line 2: tag is -3, expected 0 or more"),
        (ROOT + "2 3 6 0 0 1 -5\n", r"cell\.swc line 2: parent is -5, expected an id or -1 for the root"),
        (ROOT + "2 3 6 0 0 1 2\n", r"cell\.swc line 2: point 2 is its own parent"),
        (ROOT + "# x\n1 3 6 0 0 1 5\n", r"cell\.swc line 3: id 1 is that of line 1 too, expected a new one"),
        (ROOT + "2 3 6 0 0 1 7\n", r"cell\.swc line 2: point 2 has the parent 7, which is not in the file"),
        (ROOT + "2 3 6 0 0 1 -1\n", r"cell\.swc line 2: a second root \(the first is in line 1\), expected one tree"),
        (ROOT + "2 3 6 0 0 1 3\n3 3 9 0 0 1 2\n", r"cell\.swc line 2: point 2 is its own ancestor through 3, expected"),
        ("1 3 6 0 0 1 2\n2 3 9 0 0 1 1\n", r"cell\.swc line 1: point 1 is its own ancestor through 2"),
        ("5 3 0 0 0 1 4\n4 3 1 0 0 1 3\n3 3 2 0 0 1 4\n", r"cell\.swc line 2: point 4 is its own ancestor through 3"),
        (ROOT + "2 3 6 0 0 -1 1\n", r"cell\.swc line 2: radius is -1, expected more than 0"),
        (ROOT + "2 3 6 0 0 0 1\n", r"cell\.swc line 2: radius is 0, expected more than 0"),
        ("1 1 0 0 0 0 -1\n", r"cell\.swc line 1: radius is 0, expected more than 0"),
        ("1 3 0 0 0 1 -1\n", r"cell\.swc line 1: all points are in one place and are no soma of one point, e"),
        ("3 3 1 1 1 1 -1\n4 3 1 1 1 1 3\n", r"cell\.swc line 1: all points are in one place"),
        (
            "".join(f"{i} 1 {x} 0 0 0.1 {i - 1 if i > 1 else -1}\n" for i, x in enumerate((0, 5, 9, 8, 4, 1), start=1)),
            r"cell\.swc line 1: the outline is a line, expected one that encloses an area",
        ),
        ("1 3 0 0 0 1 -1\n2 3 0 0 0 1 1\n3 4 9 0 0 1 2\n", r"cell\.swc: section 'dend\[0\]' has length 0"),
    ],
)
def test_broken_files_are_refused(read, text, message):
    with pytest.raises(FormatError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)
