"""What is installed: metadata, files, the console script; where `.ci/run` has built them, the wheel and the sdist."""

import ast
import importlib.metadata
import importlib.resources
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DISTRIBUTION = "multiscale-rxd"
DIST = os.environ.get("MULTISCALE_DIST", "")  # folder of a built wheel and sdist; the wheel is then what is installed
built = pytest.mark.skipif(not DIST, reason="MULTISCALE_DIST names no folder with a wheel and an sdist")


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_metadata_is_that_of_pyproject():
    metadata = importlib.metadata.metadata(DISTRIBUTION)
    expected = project()["project"]
    assert metadata["Version"] == expected["version"]
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra")) == expected["optional-dependencies"].keys()


def test_the_version_is_told_by_the_package():
    import multiscale

    assert multiscale.__version__ == project()["project"]["version"]


def test_changelog_names_the_version_or_what_is_unreleased():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = re.escape(project()["project"]["version"])
    assert re.search(rf"^## ({version}\b|Unreleased$)", changes, re.MULTILINE)


def test_data_and_type_marker_are_installed():
    package = importlib.resources.files("multiscale")
    assert (package / "py.typed").is_file()
    assert [file.name for file in (package / "data" / "morphologies").iterdir() if file.name.endswith(".swc")]
    assert (package / "data" / "morphologies" / "README.md").is_file(), "the reconstructions need their attribution"


def test_console_script():
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="multiscale")
    assert entry.value == "multiscale.cli:main"
    script = Path(sys.executable).with_name("multiscale")
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"run", "info", "bench"} <= set(re.findall(r"\w+", done.stdout))


def test_dependencies_are_the_imports():
    """Everything that is imported, at top level or late, is a dependency or in an extra."""
    names = {"pil": "pillow", "roadrunner": "libroadrunner", "cupy": "cupy-cuda13x"}
    table = project()["project"]
    listed = [*table["dependencies"], *(item for extra in table["optional-dependencies"].values() for item in extra)]
    known = {re.split(r"[<>=!~ \[]", item)[0].lower() for item in listed}
    imported = set()
    for path in Path(str(importlib.resources.files("multiscale"))).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0].lower() for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0].lower())
    own = {name.lower() for name in sys.stdlib_module_names} | {"multiscale"}
    assert {names.get(name, name) for name in imported - own} <= known


@built
def test_the_installed_package_is_the_wheel():
    import multiscale

    assert "site-packages" in Path(multiscale.__file__).parts
    assert not (ROOT / "multiscale").exists(), "these tests run beside the source, so they may test it instead"


@built
def test_wheel_holds_one_package_and_nothing_else():
    (wheel,) = Path(DIST).glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"multiscale", f"multiscale_rxd-{project()['project']['version']}.dist-info"}
    assert "multiscale/py.typed" in names
    assert any(re.fullmatch(r"multiscale/data/morphologies/.+\.swc", name) for name in names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


@built
def test_sdist_holds_no_root_links():
    (sdist,) = Path(DIST).glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert not [member.name for member in members if member.issym() or member.islnk()]
    tops = {member.name.split("/")[1] for member in members if "/" in member.name}
    assert not tops & {"rxd", "electro", "voxelize", "export"}
    assert {"multiscale", "tests", "docs", "examples", "LICENSE", "README.md", "CHANGELOG.md"} <= tops
