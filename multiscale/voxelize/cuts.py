"""How much of a small box lies inside shapes made of planes, cones and spheres. Compiled; plain functions only.

A *feature* is the inside of one smooth surface with its signed distance; a *primitive* is the intersection of a few
features (a frustum is a cone between two planes); a shape is the union of primitives. In a small box a feature is a
half-space: its plane is tangent at the distance of the box's centre and is moved by the mean of the second-order term
of the distance over the box, sum of H_ii s_i^2/24 for sides s and Hessian H. So volumes, areas and open faces are right
in the mean over all places of the box, up to terms of fourth order. Where two features cut one box, the part of the box
in both follows from the two fractions and the angle between the planes, again right in the mean over all places; no
case needs a polyhedron.

Rows of ``features``: kind (0 plane, 1 cone, 2 sphere), point x y z (on the plane, on the cone's axis, centre),
direction x y z (outward normal of the plane, axis of the cone), radius at the point, slope (radius per length along the
axis), cosine of the cone's half angle, role (0 closed, 1 membrane, 2 and 3: border to the next and from the previous
primitive of a chain; it is not a surface). Directions are unit vectors; lengths in um.
"""

import math


def plane_box(d, nx, ny, nz, sx, sy, sz):
    """Fraction of a box in front of a plane, ``d + n·x < 0``, and minus its derivative by d.

    The section of a plane along the box's side belongs to the box that is full.

    Source: Scardovelli and Zaleski (2000), J. Comput. Phys. 164, 228, section 2; with sides of 0 it is the cut of a
    rectangle by a line.

    Args:
        d: signed distance of the box's centre, um.
        nx: unit normal, as `ny` and `nz`.
        ny: see `nx`.
        nz: see `nx`.
        sx: sides of the box, um, as `sy` and `sz`; 0 or more.
        sy: see `sx`.
        sz: see `sx`.
    """
    a, b, c = abs(nx) * sx, abs(ny) * sy, abs(nz) * sz
    total, touch = a + b + c, 1e-9 * (sx + sy + sz)
    if total <= touch:  # a face along the plane
        return (1.0 if d < 0.0 else 0.0), 0.0
    if d >= 0.5 * total - touch:
        return 0.0, 0.0
    if d < -0.5 * total - touch:
        return 1.0, 0.0
    a, b = min(a, b), max(a, b)
    b, c = min(b, c), max(b, c)
    a, b = min(a, b), max(a, b)
    scale = 1.0 / total
    a, b, c = a * scale, b * scale, c * scale
    side = max(0.5 - abs(d) * scale, 0.0)  # distance from the nearer corner, 0 to 1/2
    if side < a:
        v = side * side * side / (6.0 * a * b * c)
        g = side * side / (2.0 * a * b * c)
    elif side < b:
        v = (side * (side - a) + a * a / 3.0) / (2.0 * b * c)
        g = (2.0 * side - a) / (2.0 * b * c)
    elif side >= a + b:
        v = (2.0 * side - a - b) / (2.0 * c)
        g = 1.0 / c
    else:
        e, f = side - a, side - b
        h = max(side - c, 0.0)
        v = (side * side * side - e * e * e - f * f * f - h * h * h) / (6.0 * a * b * c)
        g = (side * side - e * e - f * f - h * h) / (2.0 * a * b * c)
    return (1.0 - v if d < 0.0 else v), g * scale


def overlap(f1, f2, ax, ay, az, bx, by, bz):
    """Fraction of a box inside two half-spaces, and the fractions of either surface that are inside the other.

    Parallel planes (c = 1) and opposite ones (c = -1) are exact. Between them the rule is linear in the cosine c, which
    is exact in the mean over all places of the planes: for perpendicular ones it is the product.

    Args:
        f1: fraction inside the first.
        f2: fraction inside the second.
        ax: outward normal of the first times any number above 0, as `ay` and `az`.
        ay: see `ax`.
        az: see `ax`.
        bx: the same of the second, as `by` and `bz`.
        by: see `bx`.
        bz: see `bx`.
    """
    c = math.sqrt((ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz))
    c = max(-1.0, min(1.0, (ax * bx + ay * by + az * bz) / (c + 1e-300)))
    free = 1.0 - abs(c)
    if c >= 0.0:
        both, one, two = min(f1, f2), (c if f1 < f2 else 0.0), (0.0 if f1 < f2 else c)
    else:
        both, one = max(0.0, f1 + f2 - 1.0), (-c if f1 + f2 > 1.0 - 1e-6 else 0.0)
        two = one  # surfaces that touch face to face are inside
    return free * f1 * f2 + abs(c) * both, free * f2 + one, free * f1 + two


def distance(features, j, x, y, z):
    """Signed distance to a feature, um, less than 0 inside.

    Args:
        features: all features, shape (m, 11).
        j: the feature.
        x: place, um, as `y` and `z`.
        y: see `x`.
        z: see `x`.
    """
    dx, dy, dz = x - features[j, 1], y - features[j, 2], z - features[j, 3]
    along = dx * features[j, 4] + dy * features[j, 5] + dz * features[j, 6]
    if features[j, 0] == 0.0:
        return along
    square = dx * dx + dy * dy + dz * dz
    if features[j, 0] == 2.0:
        return math.sqrt(square) - features[j, 7]
    across = math.sqrt(max(square - along * along, 0.0))
    return (across - features[j, 7] - features[j, 8] * along) * features[j, 9]


def tangent(kind, dx, dy, dz, ux, uy, uz, thick, slope, cosine, xx, yy, zz, far):
    """Distance with the mean of its second-order term over a box, and unit normal; only the distance beyond `far`.

    The curvature is that at the box's centre, not at the surface: then the area of the plane is right in the mean, too.

    Args:
        kind: of the feature.
        dx: from the feature's point to the centre of the box, um, as `dy` and `dz`.
        dy: see `dx`.
        dz: see `dx`.
        ux: direction of the feature, as `uy` and `uz`.
        uy: see `ux`.
        uz: see `ux`.
        thick: radius at the feature's point, um.
        slope: radius per length along the axis.
        cosine: of the cone's half angle.
        xx: square of the box's sides over 24, um^2, as `yy` and `zz`.
        yy: see `xx`.
        zz: see `xx`.
        far: half the diagonal of the box, um.
    """
    along = dx * ux + dy * uy + dz * uz
    if kind == 0.0:
        return along, ux, uy, uz
    dx, dy, dz = dx - along * ux, dy - along * uy, dz - along * uz
    radius, wanted = math.sqrt(dx * dx + dy * dy + dz * dz), thick + slope * along
    d = (radius - wanted) * cosine
    if abs(d) > far or radius == 0.0:
        return d, 0.0, 0.0, 0.0
    inverse = 1.0 / radius
    dx, dy, dz = dx * inverse, dy * inverse, dz * inverse
    if 2.0 * radius < wanted:
        inverse = 0.0  # near the axis of a neurite thinner than the box: no expansion holds
    # around a cone is its only curved direction, c; c^2 = 1 - u^2 - n^2 along each axis; a sphere (u = 0) has two
    mean = inverse * ((1.0 - ux * ux - dx * dx) * xx + (1.0 - uy * uy - dy * dy) * yy + (1.0 - uz * uz - dz * dz) * zz)
    return d + mean * cosine, cosine * (dx - slope * ux), cosine * (dy - slope * uy), cosine * (dz - slope * uz)


def cut_box(features, active, start, count, x, y, z, sx, sy, sz, mx, my, mz):
    """Fraction of a box inside the union of some primitives, and membrane area over the box's volume, 1/um.

    Args:
        features: all features, shape (m, 11).
        active: features whose surface or border can be in the box, primitive after primitive.
        start: first entry of each primitive in `active`, then their number; shape (>= count + 1,).
        count: number of primitives.
        x: low corner of the box, um, as `y` and `z`.
        y: see `x`.
        z: see `x`.
        sx: sides of the box, um, as `sy` and `sz`; one of 0 makes it a face.
        sy: see `sx`.
        sz: see `sx`.
        mx: small boxes into which each side is divided, as `my` and `mz`.
        my: see `mx`.
        mz: see `mx`.
    """
    total, membrane = 0.0, 0.0
    sx, sy, sz = sx / mx, sy / my, sz / mz
    xx, yy, zz = sx * sx / 24.0, sy * sy / 24.0, sz * sz / 24.0
    far = 0.5 * math.sqrt(sx * sx + sy * sy + sz * sz)
    for a in range(mx):
        px = x + (a + 0.5) * sx
        for b in range(my):
            py = y + (b + 0.5) * sy
            for c in range(mz):
                pz = z + (c + 0.5) * sz
                f, area, vx, vy, vz = 0.0, 0.0, 0.0, 0.0, 0.0  # of the union so far: fraction, membrane, vector area
                for k in range(count):
                    one, skin, ux, uy, uz = 1.0, 0.0, 0.0, 0.0, 0.0  # of this primitive so far
                    for i in range(start[k], start[k + 1]):
                        j, role = active[i], features[active[i], 10]
                        d, nx, ny, nz = tangent(
                            features[j, 0], px - features[j, 1], py - features[j, 2], pz - features[j, 3],
                            features[j, 4], features[j, 5], features[j, 6], features[j, 7], features[j, 8],
                            features[j, 9], xx, yy, zz, far,
                        )  # fmt: skip
                        if role >= 2.0:  # a border: the middle of the small box decides
                            part, density = (1.0 if d < 0.0 or (d == 0.0 and role == 2.0) else 0.0), 0.0
                        elif abs(d) > far:
                            part, density = (1.0 if d < 0.0 else 0.0), 0.0
                        else:
                            part, density = plane_box(d, nx, ny, nz, sx, sy, sz)
                        if part >= 1.0 and density == 0.0:
                            continue  # full, and no plane along one of its faces
                        gx, gy, gz = nx * sx * density, ny * sy * density, nz * sz * density
                        here, there = 0.0, 1.0
                        if ux * ux + uy * uy + uz * uz > 0.0 and part > 0.0:
                            part, here, there = overlap(one, part, ux, uy, uz, gx, gy, gz)
                        one = part
                        skin = skin * here + (density * there if role == 1.0 else 0.0)
                        ux, uy, uz = ux * here + gx * there, uy * here + gy * there, uz * here + gz * there
                        if one <= 0.0:
                            break
                    if one >= 1.0 and ux == 0.0 and uy == 0.0 and uz == 0.0:
                        f, area = 1.0, 0.0
                        break
                    if one > 0.0:
                        both, here, there = 0.0, 0.0, 0.0
                        if f > 0.0:
                            both, here, there = overlap(f, one, vx, vy, vz, ux, uy, uz)
                        f += one - both
                        here, there = 1.0 - here, 1.0 - there
                        area = area * here + skin * there
                        vx, vy, vz = vx * here + ux * there, vy * here + uy * there, vz * here + uz * there
                total += f
                membrane += area
    share = 1.0 / (mx * my * mz)
    return total * share, membrane * share
