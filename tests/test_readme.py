"""README's two commands: each is one line that does all its own set-up, and CI runs the second as it stands."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def command(heading: str) -> str:
    """The fenced block under a heading: one line, so that a failure anywhere in it is the failure of the whole."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert section, f"README has no heading '## {heading}'"
    block = re.search(r"^```sh\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)
    assert block, f"no ```sh block under '## {heading}'"
    (line,) = block[1].splitlines()
    return line


@pytest.mark.parametrize("heading", ["Run", "Tests"])
def test_commands_do_their_own_setup(heading):
    steps = command(heading).split(" && ")
    assert steps[0] == "python3 -m venv .venv"
    assert steps[1].startswith(".venv/bin/pip install ")
    assert all(step.startswith(".venv/bin/") for step in steps[1:]), "a step uses a program that was not set up here"


def test_run_names_an_example():
    (script,) = re.findall(r"python (examples/\S+\.py)", command("Run"))
    assert (ROOT / script).is_file()


def test_readme_is_short():
    assert len(README.splitlines()) < 100


@pytest.mark.skipif(not (ROOT / ".ci" / "run").is_file(), reason="outside the repository")
def test_ci_reads_the_command_from_readme():
    """`.ci/run` finds with awk what is found here, and does not hold a copy of it."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (function,) = re.findall(r"^readme\(\) \{\n.*?^\}\n", script, re.MULTILINE | re.DOTALL)
    for heading in ("Run", "Tests"):
        found = subprocess.run(
            ["bash", "-c", f"{function}readme {heading}"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        assert found == command(heading)
        assert command(heading) not in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "set -euo pipefail" in script
