"""Every Python block of README and docs runs, every link inside the repository leads somewhere, every doctest holds."""

import doctest
import importlib
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


class Block(NamedTuple):
    """One fenced block of a page: its language, its text and the line where the text starts."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(m[1], m[2], text.count("\n", 0, m.start(2)) + 1) for m in FENCE.finditer(text)]


def relative(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


PAGES_WITH_CODE = [page for page in PAGES if any(block.language == "python" for block in blocks(page))]


@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=relative)
def test_code_blocks_run(page, tmp_path, monkeypatch):
    """The blocks of one page share a namespace and an empty working folder; a traceback names the page's own line."""
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language == "python":
            code = compile("\n" * (block.line - 1) + block.text, str(page), "exec", dont_inherit=True)
            exec(code, namespace)
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_fences_say_what_they_hold(page):
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(blocks(page)), "a fence is not closed"
    assert all(block.language for block in blocks(page)), "a block names no language (python, sh, text)"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page):
    targets = [page.parent / target for target in LINK.findall(page.read_text(encoding="utf-8"))]
    assert not [relative(target) for target in targets if not target.exists()]


def test_every_page_is_in_the_index():
    listed = set(LINK.findall((ROOT / "docs" / "index.md").read_text(encoding="utf-8")))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"} <= listed


def modules_with_doctests() -> list[str]:
    package = Path(importlib.import_module("multiscale").__file__).parent
    paths = [path for path in sorted(package.rglob("*.py")) if ">>>" in path.read_text(encoding="utf-8")]
    return [".".join(["multiscale", *path.relative_to(package).with_suffix("").parts]) for path in paths]


@pytest.mark.parametrize("name", modules_with_doctests())
def test_doctests_hold(name):
    result = doctest.testmod(importlib.import_module(name.removesuffix(".__init__")))
    assert result.attempted > 0
    assert result.failed == 0
