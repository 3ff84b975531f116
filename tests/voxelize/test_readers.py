"""What all morphology files share: extension, opening, the segments' rule; and the cells that come with the package."""

import pytest

from multiscale.errors import FormatError
from multiscale.segmentation import DLambda, MaxLength
from multiscale.voxelize.readers import EXTENSIONS, example_morphology, read_morphology


def test_the_rule_for_segments_is_given_or_five_um():
    path = example_morphology("c91662.swc")
    assert read_morphology(str(path)).segments == MaxLength(5)
    assert read_morphology(path, DLambda()).segments == DLambda()


def test_extensions_in_capitals(tmp_path):
    path = tmp_path / "CELL.SWC"
    path.write_text("1 1 0 0 0 5 -1\n")
    assert read_morphology(path).source == "CELL.SWC"


def test_examples_have_their_sources_beside_them():
    folder = example_morphology().parent
    readme = (folder / "README.md").read_text(encoding="utf-8")
    shipped = [path.name for path in folder.iterdir() if path.suffix in EXTENSIONS]
    assert sorted(shipped) == ["c91662.swc", "ca1_n120.swc"]
    assert all(f"`{name}`" in readme for name in shipped)


def test_odd_bytes_in_comments_are_read_over(tmp_path):
    path = tmp_path / "cell.swc"
    path.write_bytes(b"# \xb5m, \xff\r\n1 1 0 0 0 5 -1\r\n")
    assert read_morphology(path).soma.length == 10


def test_refused(tmp_path):
    with pytest.raises(FormatError, match=r"morphology 'cell\.hoc' ends in '\.hoc', expected \.swc or \.asc; convert"):
        read_morphology("cell.hoc")
    with pytest.raises(FormatError, match=r"morphology '.*none\.swc' cannot be opened \(no such file or directory\)"):
        read_morphology(tmp_path / "none.swc")
    (tmp_path / "folder.asc").mkdir()
    with pytest.raises(FormatError, match=r"morphology '.*folder\.asc' cannot be opened \(.*\), expected a file"):
        read_morphology(tmp_path / "folder.asc")
    (tmp_path / "old.asc").write_bytes(b"\x00\x01\x02")
    with pytest.raises(FormatError, match=r"old\.asc is a binary file, expected text; save it as SWC or as Neuro"):
        read_morphology(tmp_path / "old.asc")
    with pytest.raises(FormatError, match=r"there is no example morphology 'x\.swc', expected one of 'c91662\.swc', "):
        example_morphology("x.swc")
