"""Triangles cut at the planes of a grid, and the exact volumes and open areas of the cells, by the divergence theorem.

Coordinates are in cells. A vertex on a plane counts as above it, for every triangle alike, and a cut is computed from
the lower end of an edge: the triangles at an edge get the same bits, so that a closed surface stays closed.
"""

import math


def split(source, n, axis, plane, mark, low, high):
    """Cut a polygon at a plane across an axis (Sutherland and Hodgman 1974). Returns the numbers of corners.

    Args:
        source: x, y, z of the corners and a mark of the edge to the next one, shape (32, 4).
        n: number of corners.
        axis: 0, 1 or 2.
        plane: coordinate of the plane.
        mark: of the new edge of the upper part, which lies in the plane.
        low: the part below, written, shape (32, 4).
        high: the part above, written, shape (32, 4).
    """
    below, above = 0, 0
    for m in range(n):
        a = source[m]
        b = source[m + 1 if m + 1 < n else 0]
        upper = a[axis] >= plane
        if upper:
            for d in range(4):
                high[above, d] = a[d]
            above += 1
        else:
            for d in range(4):
                low[below, d] = a[d]
            below += 1
        if upper != (b[axis] >= plane):
            start, end = (b, a) if upper else (a, b)
            share = (plane - start[axis]) / (end[axis] - start[axis])
            for d in range(3):
                value = plane if d == axis else start[d] + share * (end[d] - start[d])
                low[below, d] = value
                high[above, d] = value
            low[below, 3] = a[3] if upper else 0.0
            high[above, 3] = mark if upper else a[3]
            below += 1
            above += 1
    return below, above


def cells_of(polygon, n, axis):
    """First and last cell along an axis that a polygon reaches."""
    least, most = polygon[0, axis], polygon[0, axis]
    for m in range(1, n):
        value = polygon[m, axis]
        least = min(least, value)
        most = max(most, value)
    return math.floor(least), math.floor(most)


def add_piece(polygon, n, cell, row):
    """Add what a polygon inside a cell contributes to the cell's row, shape (8,).

    Entry 0 is its area projected along z, positive where a ray going up enters; 1 the same weighted with the height of
    the cell above it, a volume; 2 its area; 3 and 4 as 0 and 1 in the plane of the face towards -x, for the line in
    which the surface cuts it; 5 and 6 for the face towards -y.
    """
    i, j, k = cell[0], cell[1], cell[2]
    x0, y0, z0 = polygon[0, 0] - i, polygon[0, 1] - j, polygon[0, 2] - k
    xb, yb, zb = polygon[1, 0] - i, polygon[1, 1] - j, polygon[1, 2] - k
    nx, ny, nz, moment = 0.0, 0.0, 0.0, 0.0
    for m in range(2, n):
        xa, ya, za = xb, yb, zb
        xb, yb, zb = polygon[m, 0] - i, polygon[m, 1] - j, polygon[m, 2] - k
        ax, ay, az = xa - x0, ya - y0, za - z0
        bx, by, bz = xb - x0, yb - y0, zb - z0
        part = 0.5 * (ax * by - ay * bx)
        nx += 0.5 * (ay * bz - az * by)
        ny += 0.5 * (az * bx - ax * bz)
        nz += part
        moment += part * (1.0 - (z0 + za + zb) / 3.0)
    row[0] -= nz
    row[1] -= moment
    row[2] += math.sqrt(nx * nx + ny * ny + nz * nz)
    for m in range(n):
        mark = polygon[m, 3]
        if 0.0 < mark < 3.0:
            q = m + 1 if m + 1 < n else 0
            height = 1.0 - (0.5 * (polygon[m, 2] + polygon[q, 2]) - k)
            if mark == 1.0:
                width = polygon[q, 1] - polygon[m, 1]
                row[3] += width
                row[4] += width * height
            else:
                width = polygon[m, 0] - polygon[q, 0]
                row[5] += width
                row[6] += width * height


def most_cells(polygon):
    """No fewer cells than a triangle meets.

    Projected along the steepest axis it meets no more than the area and 1.42 of the perimeter and 7 (the squares lie
    within a distance of the square root of 2), and of the cells above each of these no more than 4.
    """
    ax, ay, az = polygon[1, 0] - polygon[0, 0], polygon[1, 1] - polygon[0, 1], polygon[1, 2] - polygon[0, 2]
    bx, by, bz = polygon[2, 0] - polygon[0, 0], polygon[2, 1] - polygon[0, 1], polygon[2, 2] - polygon[0, 2]
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    a, b = math.sqrt(ax * ax + ay * ay + az * az), math.sqrt(bx * bx + by * by + bz * bz)
    area = 0.5 * math.sqrt(nx * nx + ny * ny + nz * nz)
    return math.ceil(4.0 * (area + 1.42 * 2.0 * (a + b) + 7.0))  # the third side is no longer than the other two


def slot_of(key, table, keys, count):
    """Place of a key in a hash table with open addressing: its slot, or the new slot ``count``, which is entered."""
    place = key % table.size
    while table[place] >= 0:
        if keys[table[place]] == key:
            return table[place]
        place = place + 1 if place + 1 < table.size else 0
    table[place] = count
    keys[count] = key
    return count


def enter_all(table, keys, count):
    """Fill an empty hash table with the first ``count`` keys."""
    for place in range(table.size):
        table[place] = -1
    for slot in range(count):
        place = keys[slot] % table.size
        while table[place] >= 0:
            place = place + 1 if place + 1 < table.size else 0
        table[place] = slot


def collect(grid, faces, start, ny, nz, poly, stack, table, keys, rows, state):
    """Cut triangles at all planes and add up the pieces in each cell. Returns the first triangle not yet done.

    It stops early where the arrays may become too small; enlarge them, `enter_all`, and go on.

    Args:
        grid: vertices in cells, from 0 on, shape (v, 3).
        faces: corners of the triangles, anticlockwise from outside, shape (m, 3).
        start: first triangle to do.
        ny: number of cells along y.
        nz: number of cells along z.
        poly: work array, shape (5, 32, 4).
        stack: work array, shape (5, 5).
        table: hash table, shape (t,), larger than ``keys``; -1 where it is empty.
        keys: ``(x ny + y) nz + z`` of each cell that was met, shape (c,).
        rows: see `add_piece`, 0 where no cell is yet, shape (c, 8).
        state: number of cells met so far, and on return room that the next triangle needs; shape (2,).
    """
    count = state[0]
    level, size, cell = stack[:, 0], stack[:, 1], stack[:, 2:]  # axis to cut next, corners, cell of each polygon
    for f in range(start, faces.shape[0]):
        for m in range(3):
            for d in range(3):
                poly[0, m, d] = grid[faces[f, m], d]
            poly[0, m, 3] = 0.0
        i0, i1 = cells_of(poly[0], 3, 0)
        j0, j1 = cells_of(poly[0], 3, 1)
        k0, k1 = cells_of(poly[0], 3, 2)
        a, b, c = i1 - i0 + 1, j1 - j0 + 1, k1 - k0 + 1
        need = a * b * c
        if count + need > keys.size:
            need = min(need, most_cells(poly[0]))
        if count + need > keys.size:
            state[0], state[1] = count, need
            return f
        level[0], size[0], top = 0, 3, 0
        while top >= 0:  # the polygon on top of the stack is cut along one axis after the other
            axis = level[top]
            first, last = cells_of(poly[top], size[top], axis)
            cell[top, axis] = first
            if last > first and size[top] <= 20:  # a convex polygon never gets more than 9 corners
                for m in range(size[top]):
                    for d in range(4):
                        poly[4, m, d] = poly[top, m, d]
                below, above = split(poly[4], size[top], axis, first + 1.0, axis + 1.0, poly[top + 1], poly[top])
                for d in range(axis + 1):
                    cell[top + 1, d] = cell[top, d]
                size[top] = above
                top += 1
                size[top] = below
            level[top] = axis + 1
            if axis == 2:
                slot = slot_of((cell[top, 0] * ny + cell[top, 1]) * nz + cell[top, 2], table, keys, count)
                count = max(count, slot + 1)
                add_piece(poly[top], size[top], cell[top], rows[slot])
                top -= 1
    state[0], state[1] = count, 0
    return faces.shape[0]


def whole(value):
    """The nearest whole number where round-off alone keeps a value from it, else the value."""
    nearest = math.floor(value + 0.5)
    return nearest if abs(value - nearest) < 1e-9 else value


def between(value):
    """A fraction kept from 0 to 1."""
    return 0.0 if value < 1e-12 else min(value, 1.0)


def count_cells(keys, rows, order, nz):
    """How many cells the columns hold: those that the surface meets, and the full ones between them."""
    total = order.size
    inside, column, last = 0.0, -1, 0
    for q in range(order.size):
        key = keys[order[q]]
        if key // nz != column:
            inside, column = 0.0, key // nz
        elif key > last + 1:
            inside = math.floor(inside + 0.5)
            if inside > 0.5:
                total += key - last - 1
        inside = whole(inside + rows[order[q], 0])
        last = key
    return total


def fill_cells(keys, rows, order, ny, nz, cell, index, volume, face, area, report):
    """Sweep each column upwards: what enters below a cell covers it, and the surface inside the cell fills it in part.

    Args:
        keys: from `collect`, shape (c,).
        rows: from `collect`, shape (c, 8).
        order: that sorts the keys, shape (c,).
        ny: number of cells along y.
        nz: number of cells along z.
        cell: key of each cell, ascending, written, shape (n,).
        index: x, y, z of each cell, written, shape (n, 3).
        volume: filled fraction of each cell, written, shape (n,).
        face: open fraction of the faces towards -x, -y, -z, written, shape (n, 3).
        area: of the surface in each cell, in faces of a cell, written, shape (n,).
        report: written: largest gap in the surface, in faces of a cell; volume counted twice or inside out, in cells;
            then work space; shape (5,).
    """
    n, column, last = 0, -1, 0
    cover = report[2:]  # of the face towards -z by the inside, and of the lowest lines of those towards -x and -y
    cover[0], cover[1], cover[2] = 0.0, 0.0, 0.0
    gap, excess = 0.0, 0.0
    for q in range(order.size + 1):
        key = keys[order[q]] if q < order.size else -1
        if q == order.size or key // nz != column:
            for d in range(3):
                gap = max(gap, abs(cover[d]))
                cover[d] = 0.0
            column, last = key // nz, key
            if q == order.size:
                break
        elif key > last + 1:
            for d in range(3):
                nearest = math.floor(cover[d] + 0.5)
                gap = max(gap, abs(cover[d] - nearest))
                cover[d] = nearest
            if cover[0] != 0.0 and cover[0] != 1.0:
                excess += (key - last - 1) * abs(cover[0] - (1.0 if cover[0] > 0.0 else 0.0))
            if cover[0] > 0.5:
                for k in range(last + 1, key):
                    cell[n] = k
                    index[n, 0], index[n, 1], index[n, 2] = column // ny, column % ny, k % nz
                    volume[n], area[n] = 1.0, 0.0
                    face[n, 0], face[n, 1], face[n, 2] = between(cover[1]), between(cover[2]), 1.0
                    n += 1
        row = rows[order[q]]
        filled = cover[0] + row[1]
        excess += max(0.0, filled - 1.0) + max(0.0, -filled)
        cell[n] = key
        index[n, 0], index[n, 1], index[n, 2] = column // ny, column % ny, key % nz
        volume[n], area[n] = between(filled), row[2]
        face[n, 0], face[n, 1], face[n, 2] = between(cover[1] + row[4]), between(cover[2] + row[6]), between(cover[0])
        n += 1
        cover[0] = whole(cover[0] + row[0])
        cover[1] = whole(cover[1] + row[3])
        cover[2] = whole(cover[2] + row[5])
        last = key
    report[0], report[1] = gap, excess
    return n
