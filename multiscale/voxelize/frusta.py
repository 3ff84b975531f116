"""Primitives -> voxels, brick by brick. Compiled; plain functions only. See `cuts` for features and primitives.

A brick is a cube of 8 x 8 x 8 voxels, which eight blocks of 4 x 4 x 4 fill. Distances never change faster than the
place does, so the distance at the middle of a brick, of a block and of a voxel says which primitives can matter there,
and most voxels need nothing else.
"""

import math

import numpy as np

from multiscale.voxelize.cuts import cut_box, distance


def reach(features, first, p, x, y, z):
    """Highest signed distance to the surfaces of a primitive, and to its borders in a chain, um.

    Args:
        features: all features, shape (m, 11).
        first: first feature of each primitive, then m; shape (primitives + 1,).
        p: the primitive.
        x: place, um, as `y` and `z`.
        y: see `x`.
        z: see `x`.
    """
    surface, border = -math.inf, -math.inf
    for j in range(first[p], first[p + 1]):
        d = distance(features, j, x, y, z)
        if features[j, 10] >= 2.0:
            border = max(border, d)
        else:
            surface = max(surface, d)
    return surface, border


def pair_bricks(features, first, primitive, low, high, side, block, pairs):
    """Bricks that primitives can reach, as numbers ``brick * primitives + primitive``; returns how many.

    Args:
        features: all features, shape (m, 11), relative to the corner of the grid.
        first: first feature of each primitive, then m; shape (primitives + 1,).
        primitive: which one is meant, shape (k,).
        low: lowest brick where it is looked for, x, y, z, shape (k, 3).
        high: highest brick where it is looked for, shape (k, 3).
        side: of a brick, um.
        block: number of bricks along y and along z, shape (2,).
        pairs: filled as far as it reaches.
    """
    total = 0
    near = 0.5 * math.sqrt(3.0) * side
    for k in range(primitive.size):
        for a in range(low[k, 0], high[k, 0] + 1):
            for b in range(low[k, 1], high[k, 1] + 1):
                for c in range(low[k, 2], high[k, 2] + 1):
                    surface, border = reach(
                        features, first, primitive[k], (a + 0.5) * side, (b + 0.5) * side, (c + 0.5) * side
                    )
                    if max(surface, border) <= near:
                        if total < pairs.size:
                            pairs[total] = ((a * block[0] + b) * block[1] + c) * (first.size - 1) + primitive[k]
                        total += 1
    return total


def prepare(features, first, length, chosen, count, x, y, z, dx, samples, active, start):
    """Features whose surface or border can be in a voxel; returns into how many small boxes its sides are divided.

    The number is less than 0 if a plane lies along a face: what is open there must be looked up on both sides.

    A voxel with one plane, or with one surface that is bent little, is exact enough undivided; where a part is thinner
    than a voxel, small boxes are no wider than its radius over `samples`.

    Args:
        features: all features, shape (m, 11).
        first: first feature of each primitive, then m; shape (primitives + 1,).
        length: of each primitive along its axis, um.
        chosen: primitives that can be in the voxel, shape (>= count,).
        count: how many.
        x: centre of the voxel, um, as `y` and `z`.
        y: see `x`.
        z: see `x`.
        dx: side of the voxel, um.
        samples: small boxes a side that the user asks for.
        active: filled with features, primitive after primitive.
        start: filled with the first entry of each primitive, then their number; shape (>= count + 1,).
    """
    total, surfaces, sign, thin, half = 0, 0, 1, 1e300, 0.5 * math.sqrt(3.0) * dx
    for k in range(count):
        start[k] = total
        p = chosen[k]
        for j in range(first[p], first[p + 1]):
            d = distance(features, j, x, y, z)
            if d >= -half:
                active[total] = j
                total += 1
                along = max(abs(features[j, 4]), abs(features[j, 5]), abs(features[j, 6]))
                if features[j, 0] == 0.0 and along > 1.0 - 1e-9 and abs(abs(d) - 0.5 * dx) < 1e-6 * dx:
                    sign = -1
                surfaces += 1 if features[j, 10] < 2.0 else 0
        j = first[p]
        if features[j, 0] > 0.0:
            along = (x - features[j, 1]) * features[j, 4] + (y - features[j, 2]) * features[j, 5]
            along = min(max(along + (z - features[j, 3]) * features[j, 6], 0.0), length[p])
            thin = min(thin, features[j, 7] + features[j, 8] * along)
    start[count] = total
    if total == 1 and (features[active[0], 0] == 0.0 or thin > 10.0 * samples * dx):
        return sign
    return sign * max(samples if surfaces < 2 else 2 * samples, math.ceil(samples * min(dx / thin - 1e-9, 8.0)))


def fill_bricks(
    features, first, length, pair_start, pair, brick, todo, stop, dx, samples, cuts_before, chosen, near, active, start,
    out_voxel, out_owner, out_cut, cuts,
):  # fmt: skip
    """Fill bricks from `todo` on until `stop` or until the output may not hold another one.

    Args:
        features: all features, shape (m, 11), relative to the corner of the grid.
        first: first feature of each primitive, then m; shape (primitives + 1,).
        length: of each primitive along its axis, um, shape (primitives,).
        pair_start: first entry of each brick in `pair`, then their number; shape (bricks + 1,).
        pair: primitives of each brick, one list after another.
        brick: x, y, z of each brick, shape (bricks, 3).
        todo: first brick to fill.
        stop: one past the last.
        dx: side of a voxel, um.
        samples: pieces a side of a voxel.
        cuts_before: number of cut voxels in earlier outputs.
        chosen: work, as long as the longest list, as `near`.
        near: see `chosen`.
        active: work, as long as all features of the longest list.
        start: work, one longer than the longest list.
        out_voxel: number of each voxel: brick * 512 + (x * 8 + y) * 8 + z.
        out_owner: the primitive that its middle is deepest in.
        out_cut: its number among the cut ones, or -1 if it is full.
        cuts: volume and membrane of each cut voxel over those of a cube and of its face, fraction of the open faces
            towards -x, -y, -z; shape (capacity, 5).

    Returns:
        First brick that is not filled, number of voxels written, number of cut ones among them.
    """
    count, n_cut = 0, 0
    half = 0.5 * math.sqrt(3.0) * dx
    while todo < stop and count + 512 <= out_voxel.size:
        for octant in range(8):
            ox, oy, oz = 4 * (octant >> 2), 4 * ((octant >> 1) & 1), 4 * (octant & 1)
            bx, by, bz = 8 * brick[todo, 0] + ox, 8 * brick[todo, 1] + oy, 8 * brick[todo, 2] + oz
            n_near = 0
            for q in range(pair_start[todo], pair_start[todo + 1]):
                surface, border = reach(features, first, pair[q], (bx + 2) * dx, (by + 2) * dx, (bz + 2) * dx)
                if max(surface, border) <= 4.0 * half:
                    near[n_near] = pair[q]
                    n_near += 1
            if n_near == 0:
                continue
            for local in range(64):
                ix, iy, iz = local >> 4, (local >> 2) & 3, local & 3
                x, y, z = (bx + ix + 0.5) * dx, (by + iy + 0.5) * dx, (bz + iz + 0.5) * dx
                n, owner, best = np.int64(0), near[0], math.inf  # a bare 0 is a type of its own: all compiled twice
                full, deep, owned = False, True, False
                for q in range(n_near):
                    surface, border = reach(features, first, near[q], x, y, z)
                    if surface > half or border > half:
                        continue
                    chosen[n] = near[q]
                    n += 1
                    deep = deep and surface < -half
                    owned = owned or border <= 0.0
                    full = full or (surface < -half and border < -half)
                    depth = surface if border <= 0.0 else 4.0 * half + border  # the owner holds the middle if any does
                    if depth < best:
                        best = depth
                        owner = near[q]
                if n == 0:
                    continue
                cut = -1
                if not (full or (deep and owned)):
                    m = prepare(features, first, length, chosen, n, x, y, z, dx, samples, active, start)
                    sides, m = (2 if m < 0 else 1), abs(m)
                    x, y, z = x - 0.5 * dx, y - 0.5 * dx, z - 0.5 * dx
                    f, skin = 0.0, 0.0
                    for part in range(1 + 3 * sides):  # the voxel, then its faces towards -x, -y, -z from either side
                        axis = (part - 1) % 3 if part > 0 else 3
                        sx, mx = (0.0, 1) if axis == 0 else (dx, m)
                        sy, my = (0.0, 1) if axis == 1 else (dx, m)
                        sz, mz = (0.0, 1) if axis == 2 else (dx, m)
                        off = 0.0 if part == 0 else (1e-6 * dx if part < 4 else -1e-6 * dx)
                        px, py, pz = x + (off if axis == 0 else 0.0), y + (off if axis == 1 else 0.0), z
                        pz += off if axis == 2 else 0.0
                        open_part, area = cut_box(features, active, start, n, px, py, pz, sx, sy, sz, mx, my, mz)
                        if part == 0:
                            f, skin = (open_part if open_part < 1.0 - 1e-12 else 1.0), area * dx
                            if f < 1e-6 or (f == 1.0 and sides == 1):
                                break
                            cuts[n_cut, 0], cuts[n_cut, 1] = f, skin
                        elif part < 4:
                            cuts[n_cut, 2 + axis] = open_part
                        else:
                            cuts[n_cut, 2 + axis] = min(cuts[n_cut, 2 + axis], open_part)
                    if f < 1e-6:
                        continue
                    if f < 1.0 or sides == 2:
                        cut = cuts_before + n_cut
                        n_cut += 1
                out_voxel[count] = todo * 512 + ((ox + ix) * 8 + oy + iy) * 8 + oz + iz
                out_owner[count] = owner
                out_cut[count] = cut
                count += 1
        todo += 1
    return todo, count, n_cut


def arrange(
    voxel, owner, cut, cuts, brick, column, step, line, features, first, place, dx,
    index, volume, face, area, section, position,
):  # fmt: skip
    """Voxels in lexicographic order by a counting sort, with all their values.

    Bricks come in lexicographic order. Those with the same x and y are a column, of 64 lines along z; columns with the
    same x are a slab, in which lines are numbered by the voxel's x, then by its y.

    Args:
        voxel: see `fill_bricks`, as `owner`, `cut` and `cuts`.
        owner: see `voxel`.
        cut: see `voxel`.
        cuts: see `voxel`.
        brick: x, y, z of each brick, shape (bricks, 3).
        column: number of the first line of each brick, shape (bricks,).
        step: lines from a voxel's x to the next in each brick, shape (bricks,).
        line: work, zeros, one longer than the number of lines.
        features: all features, shape (m, 11), relative to the corner of the grid.
        first: first feature of each primitive, then m; shape (primitives + 1,).
        place: of each primitive: section, fraction of its length at the start, at the end, length in um; shape (n, 4).
        dx: side of a voxel, um.
        index: filled with integer x, y, z, shape (n, 3).
        volume: filled, um^3.
        face: filled, um^2, shape (n, 3).
        area: filled, um^2.
        section: filled.
        position: filled, fraction of the section's length.
    """
    square, cube = dx * dx, dx * dx * dx
    for i in range(voxel.size):
        b, local = voxel[i] >> 9, voxel[i] & 511
        line[column[b] + (local >> 6) * step[b] + ((local >> 3) & 7) + 1] += 1
    for i in range(1, line.size):
        line[i] += line[i - 1]
    for i in range(voxel.size):
        b, local = voxel[i] >> 9, voxel[i] & 511
        at = column[b] + (local >> 6) * step[b] + ((local >> 3) & 7)
        k = line[at]
        line[at] = k + 1
        ix, iy, iz = 8 * brick[b, 0] + (local >> 6), 8 * brick[b, 1] + ((local >> 3) & 7), 8 * brick[b, 2] + (local & 7)
        index[k, 0], index[k, 1], index[k, 2] = ix, iy, iz
        c = cut[i]
        if c < 0:
            volume[k], area[k] = cube, 0.0
            face[k, 0], face[k, 1], face[k, 2] = square, square, square
        else:
            volume[k], area[k] = cuts[c, 0] * cube, cuts[c, 1] * square
            face[k, 0], face[k, 1], face[k, 2] = cuts[c, 2] * square, cuts[c, 3] * square, cuts[c, 4] * square
        p = owner[i]
        j = first[p]
        along = ((ix + 0.5) * dx - features[j, 1]) * features[j, 4] + ((iy + 0.5) * dx - features[j, 2]) * features[
            j, 5
        ]
        along += ((iz + 0.5) * dx - features[j, 3]) * features[j, 6]
        t = min(max(along / place[p, 3], 0.0), 1.0) if place[p, 3] > 0.0 else 0.0
        section[k] = place[p, 0]
        position[k] = place[p, 1] + t * (place[p, 2] - place[p, 1])
