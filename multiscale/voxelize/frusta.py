"""Primitives -> voxels, brick by brick. Compiled; plain functions only. See `cuts` for features and primitives.

A brick is a cube of 8 x 8 x 8 voxels, which eight blocks of 4 x 4 x 4 fill. Distances never change faster than the
place does, so the distance at the middle of a brick, of a block and of a voxel says which primitives can matter there,
and most voxels need nothing else.
"""

import math

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


def pair_bricks(features, first, low, high, side, block, pairs, write):
    """Bricks that each primitive can reach: numbers ``brick * primitives + primitive``; returns how many.

    Args:
        features: all features, shape (m, 11), relative to the corner of the grid.
        first: first feature of each primitive, then m; shape (primitives + 1,).
        low: lowest brick of each primitive's bounds along x, y, z, shape (primitives, 3).
        high: highest brick of each primitive's bounds, shape (primitives, 3).
        side: of a brick, um.
        block: number of bricks along y and along z, shape (2,).
        pairs: filled if `write`.
        write: whether to write, or only to count.
    """
    total = 0
    n = first.size - 1
    group = 4  # bricks a side that are tested together first
    near, around = 0.5 * math.sqrt(3.0) * side, 0.5 * math.sqrt(3.0) * side * group
    for p in range(n):
        for i in range(low[p, 0], high[p, 0] + 1, group):
            for j in range(low[p, 1], high[p, 1] + 1, group):
                for k in range(low[p, 2], high[p, 2] + 1, group):
                    half = 0.5 * group
                    surface, border = reach(features, first, p, (i + half) * side, (j + half) * side, (k + half) * side)
                    if max(surface, border) > around:
                        continue
                    for a in range(i, min(i + group, high[p, 0] + 1)):
                        for b in range(j, min(j + group, high[p, 1] + 1)):
                            for c in range(k, min(k + group, high[p, 2] + 1)):
                                surface, border = reach(
                                    features, first, p, (a + 0.5) * side, (b + 0.5) * side, (c + 0.5) * side
                                )
                                if max(surface, border) <= near:
                                    if write:
                                        pairs[total] = ((a * block[0] + b) * block[1] + c) * n + p
                                    total += 1
    return total


def keep_active(features, first, chosen, count, x, y, z, far, active, start):
    """Which features of some primitives have their surface, or their border, within `far` of a place.

    Args:
        features: all features, shape (m, 11).
        first: first feature of each primitive, then m; shape (primitives + 1,).
        chosen: primitives, shape (>= count,).
        count: how many.
        x: place, um, as `y` and `z`.
        y: see `x`.
        z: see `x`.
        far: um.
        active: filled with features, primitive after primitive.
        start: filled with the first entry of each primitive, then their number; shape (>= count + 1,).
    """
    total = 0
    for k in range(count):
        start[k] = total
        for j in range(first[chosen[k]], first[chosen[k] + 1]):
            if distance(features, j, x, y, z) >= -far:
                active[total] = j
                total += 1
    start[count] = total


def divisions(features, first, length, chosen, active, start, count, x, y, z, dx, samples):
    """Into how many small boxes a side of a voxel is divided.

    A voxel with one plane, or with one surface that is bent little, is exact enough undivided; where a part is thinner
    than a voxel, small boxes are no wider than its radius over `samples`.

    Args:
        features: all features, shape (m, 11).
        first: first feature of each primitive, then m; shape (primitives + 1,).
        length: of each primitive along its axis, um.
        chosen: primitives, shape (>= count,).
        active: see `keep_active`, as `start`.
        start: see `active`.
        count: number of primitives.
        x: centre of the voxel, um, as `y` and `z`.
        y: see `x`.
        z: see `x`.
        dx: side of the voxel, um.
        samples: pieces a side that the user asks for.
    """
    thin = 1e300
    for q in range(count):
        j = first[chosen[q]]
        if features[j, 0] > 0.0:
            along = (x - features[j, 1]) * features[j, 4] + (y - features[j, 2]) * features[j, 5]
            along += (z - features[j, 3]) * features[j, 6]
            along = min(max(along, 0.0), length[chosen[q]])
            thin = min(thin, features[j, 7] + features[j, 8] * along)
    if start[count] == 1 and (features[active[0], 0] == 0.0 or thin > 5.0 * samples * dx):
        return 1
    return max(samples, math.ceil(samples * min(dx / thin - 1e-9, 8.0)))


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
                n, owner, best = 0, near[0], math.inf
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
                    keep_active(features, first, chosen, n, x, y, z, half, active, start)
                    m = divisions(features, first, length, chosen, active, start, n, x, y, z, dx, samples)
                    x, y, z = x - 0.5 * dx, y - 0.5 * dx, z - 0.5 * dx
                    f, skin = cut_box(features, active, start, n, x, y, z, dx, dx, dx, m, m, m)
                    if f < 1e-6:
                        continue
                    if f < 1.0:
                        cut = cuts_before + n_cut
                        cuts[n_cut, 0], cuts[n_cut, 1] = f, skin * dx
                        for axis in range(3):
                            sx, mx = (0.0, 1) if axis == 0 else (dx, m)
                            sy, my = (0.0, 1) if axis == 1 else (dx, m)
                            sz, mz = (0.0, 1) if axis == 2 else (dx, m)
                            f, skin = cut_box(features, active, start, n, x, y, z, sx, sy, sz, mx, my, mz)
                            cuts[n_cut, 2 + axis] = f
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
