"""``multiscale bench NAME``: ours and a peer in turn, each in a process of its own, then ratios and differences."""

from __future__ import annotations

import ast
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from multiscale.bench.compare import Side, pooled
from multiscale.bench.measure import Measured, PeerError
from multiscale.bench.report import Report, as_line, as_text
from multiscale.bench.worker import Lab
from multiscale.errors import ModelError, SolverError

ROUNDS = 3  # processes a side, taken in turn, so that a busy minute of the machine meets both
REPEATS = 2  # timed runs a process
CASES = Path(__file__).parent / "cases"
NOT_PEERS = ("ours", "reference")


@dataclass(frozen=True)
class Bench:
    """What a file of ``cases/`` offers, read from its text without importing it.

    Args:
        name: the file's name.
        title: first line of its docstring.
        functions: names of its public functions.
        rounds: processes a side; a file that says ``ROUNDS = 1`` has one.
    """

    name: str
    title: str
    functions: tuple[str, ...]
    rounds: int = ROUNDS

    @property
    def peers(self) -> tuple[str, ...]:
        """The peers this bench has a function for."""
        return tuple(name for name in self.functions if name not in NOT_PEERS and not name.endswith("_baseline"))


def benches() -> tuple[Bench, ...]:
    """List the folder ``cases``: all benches, by name."""
    found = []
    for path in sorted(CASES.glob("[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = (node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_")
        title = (ast.get_docstring(tree) or path.stem).splitlines()[0]
        found.append(Bench(path.stem, title, tuple(functions), _rounds(tree)))
    return tuple(found)


def _rounds(tree: ast.Module) -> int:
    """Return the number that the file assigns to ``ROUNDS``, or the usual one."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROUNDS":
            return int(ast.literal_eval(node.value))
    return ROUNDS


def find(name: str) -> Bench:
    """Return the bench of that name."""
    for bench in benches():
        if bench.name == name:
            return bench
    known = ", ".join(bench.name for bench in benches())
    raise ModelError(f"bench '{name}' does not exist; expected one of {known}, 'all' or 'list'")


def choose_peer(bench: Bench, peer: str | None) -> str:
    """Return the peer to compare with: the one asked for, the bench's own if none was, or "" for ours alone."""
    if peer == "none" or not bench.peers:
        return ""
    if not peer:
        return bench.peers[0]
    if peer not in bench.peers:
        known = ", ".join(bench.peers)
        raise ModelError(f"bench '{bench.name}' has no peer '{peer}'; expected one of {known}, or 'none'")
    return peer


def run(bench: Bench, peer: str | None = None, *, rounds: int | None = None, repeats: int = REPEATS) -> Report:
    """Measure ours and the peer in turn and compare them.

    Args:
        bench: what to measure.
        peer: name of the peer, ``None`` for the bench's own, ``"none"`` for ours alone.
        rounds: processes a side, ``None`` for what the bench wants.
        repeats: timed runs a process.

    Returns:
        All figures; a peer that cannot run leaves a sentence in ``Report.absent``.
    """
    chosen, absent = choose_peer(bench, peer), ""
    baseline = f"{chosen}_baseline" if f"{chosen}_baseline" in bench.functions else ""
    ours: list[list[Measured]] = []
    theirs: list[list[Measured]] = []
    extra: list[list[Measured]] = []
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(bench.name, Path(folder))
        reference = lab.reference() if "reference" in bench.functions else {}
        for _ in range(rounds or bench.rounds):
            ours.append(lab.measured("ours", repeats))
            if chosen and not absent:
                try:
                    theirs.append(lab.measured(chosen, repeats))
                    extra += [lab.measured(baseline, repeats)] if baseline else []
                except (PeerError, SolverError) as problem:
                    absent = str(problem)
    return Report(
        bench=bench.name,
        title=bench.title,
        peer=chosen,
        absent=absent,
        ours=Side(pooled(ours), reference),
        theirs=Side(pooled(theirs), reference),
        baseline=Side(pooled(extra), {}),
    )


def main(name: str, peer: str | None = None, as_json: bool = False) -> int:
    """Run one bench, or ``"all"``, and print the figures; ``"list"`` prints the names and titles.

    Args:
        name: name of the bench.
        peer: ``"neuron"``, ``"roadrunner"``, empty for the peer that the bench names first, or ``"none"``.
        as_json: print one line of JSON a bench instead of text.

    Returns:
        The exit status, 0; an absent peer is no failure.
    """
    if name == "list":
        for bench in benches():
            print(json.dumps(asdict(bench)) if as_json else f"{bench.name}: {bench.title}")
        return 0
    everything = name == "all"
    for bench in benches() if everything else (find(name),):
        report = run(bench, "none" if everything and peer and peer not in bench.peers else peer)
        print(json.dumps(as_line(report), allow_nan=False) if as_json else as_text(report), flush=True)
    return 0
