"""Libraries of plain functions: the text is that of the files, whatever was imported before."""

import sys

from multiscale.kernels.library import compiled, functions
from multiscale.rxd import hines


def test_every_top_level_function_is_taken_in_order():
    found = functions((hines,))
    assert next(iter(found)).startswith("tree_")
    assert all(source.startswith(f"def {name}(") for name, source in found.items())


def test_the_same_files_give_the_same_module():
    first, second = compiled(hines), compiled(hines)
    assert first is second
    assert first.__name__ in sys.modules


def test_text_follows_the_file_not_the_imported_module(tmp_path, monkeypatch):
    """A file that changed after its import must not lend its old line numbers to the new text."""
    path = tmp_path / "doubling.py"
    path.write_text("def double(x):\n    return 2.0 * x\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import doubling

    assert compiled(doubling).double(2.0) == 4.0
    path.write_text("# a line more\ndef double(x):\n    return 2.0 * x + 1.0\n", encoding="utf-8")
    assert compiled(doubling).double(2.0) == 5.0
