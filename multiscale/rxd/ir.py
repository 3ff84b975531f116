"""Kernel IR: straight-line single-assignment code for one node; the only thing that targets read.

A kernel's text holds nothing but canonical names (``y3``, ``p1``, ``q0``, ``x17``), numbers and the functions listed in
`FUNCTIONS`, so no name or formula of a user's file ever reaches generated code.
"""

from dataclasses import dataclass

FUNCTIONS = (
    "_exp", "_log", "_pow", "_sqrt", "_tanh", "_sin", "_cos", "_tan", "_atan", "_asin", "_acos", "_sinh", "_cosh",
    "_abs", "_floor", "_ceil", "_sign", "_min", "_max", "_exprel", "_exprel_of", "_dexprel", "_select", "_erf",
    "_gamma",
)  # fmt: skip


@dataclass(frozen=True)
class Assign:
    """One assignment ``name = text`` in Python syntax; a name is assigned once."""

    name: str
    text: str


@dataclass(frozen=True)
class Kernel:
    """What happens at one node, independent of the target.

    Attributes:
        name: identifier of the generated function.
        rows: state rows that the body reads, as ``y<row>``.
        node_inputs: rows of per-node constants that it reads, as ``q<row>``.
        parameters: uniform parameters that it reads, as ``p<index>``.
        body: assignments in order. They may also read ``t`` and ``h`` (time and step, ms) and ``tol``.
        outputs: pairs (place, name of the value). A place is ``("y", row)`` or a named output array with a row.
        check: name of a value that is not negative exactly when the node's result may be kept; "" for no check.
    """

    name: str
    rows: tuple[int, ...]
    node_inputs: tuple[int, ...]
    parameters: tuple[int, ...]
    body: tuple[Assign, ...]
    outputs: tuple[tuple[tuple[str, int], str], ...]
    check: str = ""

    def text(self) -> str:
        """Canonical text, for the cache key."""
        lines = [f"{self.name} {self.rows} {self.node_inputs} {self.parameters} {self.outputs} {self.check}"]
        lines += [f"{a.name} = {a.text}" for a in self.body]
        return "\n".join(lines)
