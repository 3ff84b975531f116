"""Kernel IR → numba source for the CPU.

Each kernel runs over blocks of `block` nodes: the rows it needs are copied into a small work array, in which the rows
stand a constant distance apart. That is what lets LLVM vectorise the straight-line body without alias checks.
"""

from dataclasses import dataclass

from multiscale.rxd.ir import Assign, Kernel

PIECE = 24.0  # weight of a loop's body: about one gate
MOST_CROSSING = 9  # values that may be alive at a cut
_WEIGHTS = {"_exp(": 12.0, "_log(": 14.0, "_pow(": 26.0, "_exprel": 8.0, "_dexprel": 20.0, " / ": 3.0, " * ": 0.5}

MOST_HALVINGS = 1024  # of a block's step, before the reaction is given up


def work_size(kernel: Kernel, block: int) -> int:
    """Length of the work array that a kernel needs."""
    pieces = fission(kernel)
    return (len(_slots(kernel)) + 1 + sum(len(p.kept) for p in pieces)) * block


@dataclass(frozen=True)
class Piece:
    """A stretch of a body that gets a loop of its own.

    Attributes:
        body: its assignments.
        needs: names from earlier pieces that it reads, with their slots behind the kernel's own.
        kept: names that later pieces (or the outputs) read, with their slots.
    """

    body: tuple[Assign, ...]
    needs: tuple[tuple[str, int], ...]
    kept: tuple[tuple[str, int], ...]


def fission(kernel: Kernel) -> list[Piece]:
    """Cut a long body into loops: a long chain of dependent operations in one loop leaves the processor waiting.

    What a later piece reads goes through the work array, so cuts are made only where few values cross: between gates,
    not inside the elimination of coupled species. Measured on AVX2: HH gates 20 → 12 ns a node.
    """
    last_use: dict[str, int] = {}
    for k, line in enumerate(kernel.body):
        last_use.update(dict.fromkeys(_words(line.text), k))
    last_use.update({value: len(kernel.body) for _, value in kernel.outputs})
    pieces: list[list[Assign]] = [[]]
    weight, alive = 0.0, 0
    for k, line in enumerate(kernel.body):
        cost = sum(w * line.text.count(word) for word, w in _WEIGHTS.items()) + 1.0
        if weight + cost > PIECE and alive <= MOST_CROSSING and pieces[-1]:
            pieces.append([])
            weight = 0.0
        pieces[-1].append(line)
        weight += cost
        ended = sum(
            1 for word in set(_words(line.text)) if word[0] == "x" and word[1:].isdigit() and last_use[word] == k
        )
        alive += 1 - ended
    made = {line.name: k for k, piece in enumerate(pieces) for line in piece}
    outputs = {value for _, value in kernel.outputs} | {kernel.check}
    reads = [{w for line in piece for w in _words(line.text)} for piece in pieces]
    last = len(pieces) - 1
    crossing: dict[str, int] = {}
    for name, k in made.items():
        if (k != last and name in outputs) or any(name in r for r in reads[k + 1 :]):
            crossing[name] = len(crossing)
    result = []
    for k, piece in enumerate(pieces):
        wanted = reads[k] | (outputs if k == last else set())
        needs = tuple((n, s) for n, s in crossing.items() if made[n] < k and n in wanted)
        kept = tuple((n, s) for n, s in crossing.items() if made[n] == k)
        result.append(Piece(tuple(piece), needs, kept))
    return result


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()


def react_source(kernel: Kernel, block: int, contiguous: bool) -> str:
    """Function ``name(Y, Q, P, nodes, W, t, h, tol) -> status``; 0 or 1 + the first node of the block that failed.

    A block whose check fails repeats its step in 2, 4, 8, ... equal parts. A failed block leaves its bad values in Y,
    so that the caller can name the state.
    """
    slot = _slots(kernel)
    written = {place[1]: value for place, value in kernel.outputs}
    copy = _copy(kernel, slot, block, contiguous)
    lines = ["", "", "@JIT", f"def {kernel.name}(Y, Q, P, nodes, W, t_start, h_full, tol):"]
    lines += [f"    p{i} = P[{i}]" for i in kernel.parameters]
    lines += [
        "    status = 0",
        f"    for first in range(0, nodes.size, {block}):",
        f"        m = min({block}, nodes.size - first)",
        "        parts = 1",
        "        while True:",
        *_indent(copy, 3),
        "            h = h_full / parts",
        "            bad = 0",
        "            for part in range(parts):",
        "                t = t_start + part * h",
        *_indent(_loops(kernel, slot, block, [(slot["y", row], value) for row, value in sorted(written.items())]), 4),
    ]
    if kernel.check:
        check = len(slot) * block
        lines += [
            "                for l in range(m):",
            f"                    bad += 0 if W[{check} + l] >= 0.0 else 1",
            "                if bad > 0:",
            "                    break",
            f"            if bad == 0 or parts >= {MOST_HALVINGS}:",
            "                break",
            "            parts *= 2",
        ]
    else:
        lines += ["            break"]
    lines += ["        if bad > 0 and status == 0:", "            status = 1 + nodes[first]"]
    for row in sorted(written):
        lines += _store(f"Y[{row}", slot["y", row] * block, contiguous, 2)
    lines += ["    return status", ""]
    return "\n".join(lines)


def membrane_source(kernel: Kernel, block: int, contiguous: bool) -> str:
    """Function ``name(Y, Q, P, nodes, W, t, current, conductance, source, slope)``."""
    slot = _slots(kernel)
    lines = ["", "", "@JIT", f"def {kernel.name}(Y, Q, P, nodes, W, t, current, conductance, source, slope):"]
    lines += [f"    p{i} = P[{i}]" for i in kernel.parameters]
    lines += [
        f"    for first in range(0, nodes.size, {block}):",
        f"        m = min({block}, nodes.size - first)",
        *_indent(_copy(kernel, slot, block, contiguous), 2),
        *_indent(_loops(kernel, slot, block, [(slot[place], value) for place, value in kernel.outputs]), 2),
    ]
    for place, _ in kernel.outputs:
        name, row = place
        target = f"{name}[" if name in ("current", "conductance") else f"{name}[{row}"
        lines += _store(target, slot[place] * block, contiguous, 2)
    return "\n".join([*lines, ""])


def _slots(kernel: Kernel) -> dict[tuple[str, int], int]:
    """Place of every row in the work array: inputs first, then outputs that are not inputs."""
    places = [("y", row) for row in kernel.rows] + [("q", row) for row in kernel.node_inputs]
    places += [place for place, _ in kernel.outputs if place not in places]
    return {place: k for k, place in enumerate(places)}


def _loops(kernel: Kernel, slot: dict[tuple[str, int], int], block: int, stores: list[tuple[int, str]]) -> list[str]:
    """The body as loops over the lanes of a block, one a piece; the last one stores the outputs and the check."""
    own = len(slot) + 1
    pieces = fission(kernel)
    lines = []
    for k, piece in enumerate(pieces):
        last = k == len(pieces) - 1
        words = {w for line in piece.body for w in _words(line.text)} | ({v for _, v in stores} if last else set())
        lines.append(f"for l in range({block}):")
        lines += [f"    y{row} = W[{slot['y', row] * block} + l]" for row in kernel.rows if f"y{row}" in words]
        lines += [f"    q{row} = W[{slot['q', row] * block} + l]" for row in kernel.node_inputs if f"q{row}" in words]
        lines += [f"    {name} = W[{(own + s) * block} + l]" for name, s in piece.needs]
        lines += [f"    {a.name} = {a.text}" for a in piece.body]
        lines += [f"    W[{(own + s) * block} + l] = {name}" for name, s in piece.kept]
        if last:
            lines += [f"    W[{place * block} + l] = {value}" for place, value in stores]
            lines += [f"    W[{len(slot) * block} + l] = {kernel.check}"] if kernel.check else []
    return lines


def _copy(kernel: Kernel, slot: dict[tuple[str, int], int], block: int, contiguous: bool) -> list[str]:
    """Lines that fill the work array; lanes past the last node repeat it, so that they do no harm."""
    lines = [] if contiguous else ["index = nodes[first:first + m]"]
    for name, rows in (("Y", kernel.rows), ("Q", kernel.node_inputs)):
        for row in rows:
            at = slot[name.lower(), row] * block
            if contiguous:
                lines += [f"line = {name}[{row}, nodes[first]:nodes[first] + m]"]
                lines += ["for l in range(m):", f"    W[{at} + l] = line[l]"]
            else:
                lines += [f"line = {name}[{row}]", "for l in range(m):", f"    W[{at} + l] = line[index[l]]"]
            if block > 1:
                lines += [f"for l in range(m, {block}):", f"    W[{at} + l] = W[{at} + m - 1]"]
    return lines


def _store(target: str, at: int, contiguous: bool, depth: int) -> list[str]:
    """Lines that bring one row back; `target` is the array with its row, without the node index."""
    glue = "" if target.endswith("[") else ", "
    if contiguous:
        lines = [
            f"line = {target}{glue}nodes[first]:nodes[first] + m]",
            "for l in range(m):",
            f"    line[l] = W[{at} + l]",
        ]
    else:
        lines = ["for l in range(m):", f"    {target}{glue}nodes[first + l]] = W[{at} + l]"]
    return _indent(lines, depth)


def _indent(lines: list[str], depth: int) -> list[str]:
    return ["    " * depth + line for line in lines]
