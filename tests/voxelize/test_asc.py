"""Neurolucida ASC files: outlines, trees, what is read over, and what is refused with its line."""

from pathlib import Path

import numpy as np
import pytest

from multiscale.errors import FormatError
from multiscale.voxelize.readers import read_morphology

DATA = Path(__file__).parents[1] / "data"
SQUARE = '("CellBody" (CellBody) (5 5 0 1) (-5 5 0 1) (-5 -5 0 1) (5 -5 0 1))\n'
TREE = "((Dendrite) (5 0 0 1) (15 0 0 1))\n"


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "cell.asc"
        path.write_text(text, encoding="utf-8")
        return read_morphology(path)

    return read_text


def test_a_file_with_everything():
    cell = read_morphology(DATA / "small.asc")
    found = {s.name: (s.tag, s.parent, s.parent_x, len(s.points)) for s in cell.sections}
    assert found == {
        "soma": (1, -1, 1.0, 21),
        "axon[0]": (2, 0, 0.5, 3),
        "apic[0]": (4, 0, 0.5, 2),
        "apic[1]": (4, 2, 1.0, 3),
        "apic[2]": (4, 3, 1.0, 2),
        "apic[3]": (4, 3, 1.0, 3),
        "apic[4]": (4, 2, 1.0, 3),
        "dend[0]": (3, 0, 0.5, 2),
    }
    assert cell["apic[0]"].points == ((0, 6, 0, 2), (0, 26, 0, 1.6))  # no gap, spine or marker in between
    assert cell["apic[1]"].points[0] == (0, 26, 0, 1)  # the place of the parent's last point with the child's diameter
    assert cell.source == "small.asc"


def test_outline_is_turned_around_its_longest_axis():
    """An ellipse with semi-axes 10 and 6 (12 corners): a prolate spheroid."""
    cell = read_morphology(DATA / "small.asc")
    excentricity = 0.8
    area = 2 * np.pi * 36 * (1 + 10 / 6 / excentricity * np.arcsin(excentricity))
    np.testing.assert_allclose(cell.lines.area[0], area, rtol=0.05)
    np.testing.assert_allclose(cell.soma.length, 20, rtol=1e-3)
    assert max(d for *_, d in cell.soma.points) == pytest.approx(12, rel=1e-3)


@pytest.mark.parametrize("corners", [12, 100])
def test_round_outline_becomes_a_sphere(read, corners):
    angle = 2 * np.pi * np.arange(corners) / corners
    points = " ".join(f"({7 * np.cos(a):.6f} {7 * np.sin(a):.6f} 2 0.1)" for a in angle)
    cell = read(f"((CellBody) {points})")
    np.testing.assert_allclose(cell.area, 4 * np.pi * 49, rtol=0.01 if corners == 100 else 0.06)
    np.testing.assert_allclose(cell.volume, 4 / 3 * np.pi * 343, rtol=0.01 if corners == 100 else 0.09)


def test_stack_of_outlines_is_a_cone_through_their_centres(read):
    angle = 2 * np.pi * np.arange(60) / 60

    def circle(radius, z):
        points = " ".join(f"({radius * np.cos(a):.6f} {radius * np.sin(a):.6f} {z} 0.1)" for a in angle)
        return f'("CellBody" (CellBody) {points})\n'

    cell = read(circle(4, 6) + circle(2, 0) + circle(3, 3) + TREE)
    assert [section.name for section in cell.sections] == ["soma", "dend[0]"]
    points = np.array(cell.soma.points)
    np.testing.assert_allclose(points[:, 2], [0, 3, 6])  # sorted along z
    np.testing.assert_allclose(points[:, 3], [4, 6, 8], rtol=2e-3)


def test_two_outlines_at_one_height_are_read_as_the_larger(read):
    inner = '("CellBody" (CellBody) (1 1 0 1) (-1 1 0 1) (-1 -1 0 1) (1 -1 0 1))'
    assert read(inner + SQUARE).soma == read(SQUARE).soma


def test_name_alone_marks_a_cell_body(read):
    assert read(SQUARE.replace("(CellBody)", "(Color Red)")).soma == read(SQUARE).soma


def test_tree_without_cell_body_is_the_root(read):
    cell = read("((Axon) (0 0 0 1) (10 0 0 1) ((20 0 0 1) | (10 9 0 1)))")
    assert [(s.name, s.parent) for s in cell.sections] == [("axon[0]", -1), ("axon[1]", 0), ("axon[2]", 0)]


def test_tree_without_a_mark_has_tag_0(read):
    assert read(SQUARE + "((Color Red) (5 0 0 1) (15 0 0 1))")["dend_0[0]"].tag == 0


def test_child_that_repeats_its_parents_point_keeps_its_own(read):
    cell = read("((Dendrite) (0 0 0 2) (10 0 0 2) ((10 0 0 1) (20 0 0 1) | (10 9 0 1)))")
    assert cell["dend[1]"].points == ((10, 0, 0, 1), (20, 0, 0, 1))


def test_split_that_starts_with_a_spine_or_a_colour(read):
    cell = read(SQUARE + "((Axon) (5 0 0 1) (9 0 0 1) (<(1 1 1 1)> (19 0 0 1) | (Color Red) (9 9 0 1) Normal))")
    assert [section.name for section in cell.sections] == ["soma", "axon[0]", "axon[1]", "axon[2]"]


def test_tree_that_splits_at_once_is_joined_branch_by_branch(read):
    cell = read(SQUARE + "((Dendrite) ((5 0 0 1) (15 0 0 1) | (0 5 0 1) (0 15 0 1)))")
    assert [(section.parent, section.parent_x) for section in cell.sections[1:]] == [(0, 0.5), (0, 0.5)]


def test_texts_other_outlines_and_markers_are_left_out(read):
    cell = read(
        SQUARE + '((Color Red) (1 2 3 4) "a note")\n("Pia" (0 0 0 1) (9 9 9 1) (9 0 0 1))\n(Dot (1 2 3 4))\n()\n'
        "(Thumbnail (Cols 1) (Rows 1) (0 0 0))\n" + TREE + '("tuft" (Apical) (0 5 0 1) (0 15 0 1))'
    )
    assert [section.name for section in cell.sections] == ["soma", "dend[0]", "apic[0]"]


def test_deep_nesting_is_no_recursion(read):
    depth = 3000
    opening = "".join(f"({i} 0 0 1) (({i} 5 0 1) | " for i in range(1, depth))
    cell = read(f"((Dendrite) (0 0 0 1) {opening} ({depth} 0 0 1) {')' * (depth - 1)})")
    assert len(cell.sections) == 2 * depth - 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"cell\.asc has no cell body and no tree, expected at least one"),
        ('("Pia" (0 0 0 1) (9 9 9 1) (9 0 0 1))', r"cell\.asc has no cell body and no tree"),
        ('<?xml version="1.0"?>\n<mbf/>', r"cell\.asc line 1: this is XML, expected Neurolucida ASC"),
        (SQUARE + TREE[:-2], r"cell\.asc line 2: '\(' is never closed; add the closing bracket"),
        (SQUARE + TREE + ")", r"cell\.asc line 3: '\)' closes nothing, expected an opening bracket"),
        (SQUARE + "((Axon) <(1 2 3 4)) (5 0 0 1))", r"cell\.asc line 2: '\)' closes the '<' of line 2, expected '>'"),
        ("x" + SQUARE, r"cell\.asc line 1: 'x' stands outside all parentheses, expected '\('"),
        (SQUARE + '("Pia (0 0 0 1)\n)', r"cell\.asc line 2: the text \"Pia \(0 0 0 1\) has no end, expected"),
        (SQUARE + "((Axon)\n(5 0 0 1)\n(9 0 0))", r"cell\.asc line 4: a point with 3 numbers, expected 4 of x y z"),
        (SQUARE + "((Axon)\n(5 0 zero 1))", r"cell\.asc line 3: 'zero' in a point, expected finite numbers"),
        (SQUARE + "((Axon)\n(5 0 nan 1))", r"cell\.asc line 3: 'nan' in a point, expected finite numbers"),
        (SQUARE + "((Axon)\n(5 0 (1) 1))", r"cell\.asc line 3: '\(' in a point, expected finite numbers"),
        (SQUARE + "((Axon)\n(5 0 0 0))", r"cell\.asc line 3: diameter is 0, expected more than 0"),
        (SQUARE + "((Axon)\n(5 0 0 -2))", r"cell\.asc line 3: diameter is -2, expected more than 0"),
        (SQUARE + "((Axon)\n)", r"cell\.asc line 2: a branch without points, expected at least one; remove it"),
        (SQUARE + "((Axon) (5 0 0 1)\n((9 0 0 1)\n|\n))", r"cell\.asc line 4: a branch without points"),
        (SQUARE + "((Axon) (5 0 0 1)\n| (9 0 0 1))", r"cell\.asc line 3: '\|' between points of a branch; put"),
        (SQUARE + "((Axon) (5 0 0 1)\n7 (9 0 0 1))", r"cell\.asc line 3: '7' between points of a branch"),
        (
            SQUARE + "((Axon) (5 0 0 1) ((6 0 0 1) | (6 1 0 1))\n(9 0 0 1))",
            r"cell\.asc line 3: a point after its branch has split, expected '\)'; move it up",
        ),
        (TREE + TREE, r"cell\.asc line 2: a second tree without a cell body, expected one; outline the body"),
        ("((CellBody) (0 0 0 1) (1 0 0 1))", r"cell\.asc line 1: a cell body outlined by 2 points, expected at lea"),
        ("((CellBody) (0 0 0 1) (1 0 0 1) (2 0 0 1))", r"cell\.asc line 1: the outline is a line, expected one"),
        (
            SQUARE + TREE + SQUARE.replace("5 5", "95 5").replace("5 -5", "95 -5").replace("-95", "90"),
            r"cell\.asc line 3: a second cell body apart from that of line 1, expected one; put it in a file of its o",
        ),
    ],
)
def test_broken_files_are_refused(read, text, message):
    with pytest.raises(FormatError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)
