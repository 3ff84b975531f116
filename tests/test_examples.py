"""Every example runs, writes its figure, and its headline number is what it should be.

An example is a script with ``main(out: Path) -> float``: it writes its figures and files into the folder ``out`` and
returns its headline number. Run as a script it calls ``main(Path("out"))``.
"""

import importlib.util
from pathlib import Path
from typing import NamedTuple

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


class Headline(NamedTuple):
    """What ``main`` returns, in words; the value; how far it may differ; and why that far."""

    what: str
    value: float
    rtol: float
    why: str


HEADLINES = {
    "ca1_wave": Headline(
        "speed of the wave along the trunk, um/s", 106.3, 1e-2, "doubling dt moves it by 2e-4; nodes of 1 um give 114"
    ),
    "calcium_entry_shells": Headline(
        "peak of calcium under the membrane / at the core", 7.35, 1e-2, "halving dt moves it by 1e-3"
    ),
    "calcium_microdomain": Headline(
        "calcium 100 nm from the cluster in EGTA, uM", 4.794, 5e-3, "theory 4.81; voxels of 8 nm 4.805; dt/2: 1e-4"
    ),
    "calcium_wave_cable": Headline(
        "speed, um/s", 119.08, 2e-3, "scipy's LSODA at rtol 1e-9 on the same nodes; here dt = 1 ms moves it by 6e-4"
    ),
    "circadian_clock": Headline(
        "period, h", 23.4346, 3e-4, "scipy's Radau at rtol 1e-12; here peaks are found in samples half an hour apart"
    ),
    "hh_changing_ions": Headline(
        "rise of potassium around the axon in a spike, uM", 2835.0, 1e-3, "halving dt moves it by 2e-4"
    ),
    "soma_3d": Headline(
        "calcium below the membrane / mean of the soma",
        2.269,
        1e-2,
        "voxels of 0.35 um give 2.256; dt/2 moves it by 6e-5",
    ),
    "spine_wave": Headline(
        "peak of calcium in the head / in the shaft", 0.3773, 1e-2, "voxels of 25 nm give 0.3779; halving dt 0.3762"
    ),
}


def test_every_example_has_a_headline_and_every_headline_an_example():
    assert {path.stem for path in EXAMPLES} == HEADLINES.keys()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, tmp_path, monkeypatch):
    expected = HEADLINES[path.stem]
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # __name__ is not "__main__": importing runs nothing
    assert not list(tmp_path.iterdir()), "importing the example wrote files; write them in main"

    out = tmp_path / "results"
    number = module.main(out)

    assert number == pytest.approx(expected.value, rel=expected.rtol), expected.what
    figures = list(out.glob("*.png"))
    assert figures, "main wrote no PNG into the folder that it was given"
    assert all(figure.stat().st_size > 1000 for figure in figures)
    assert list(tmp_path.iterdir()) == [out], "main wrote outside the folder that it was given"
