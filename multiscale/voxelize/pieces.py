"""Neighbours, closing and connected pieces of voxels in lexicographic order. Compiled; plain functions only."""

import math


def find_below(key, stride, below):
    """Index of the voxel whose key is less by ``stride``, or -1.

    Args:
        key: ascending, shape (n,).
        stride: more than 0.
        below: filled, shape (n,).
    """
    at = 0
    for i in range(key.size):
        wanted = key[i] - stride
        while key[at] < wanted:
            at += 1
        below[i] = at if key[at] == wanted else -1


def close(face, below, vector, normal, least):
    """Close faces towards nothing, and find what closes the six faces of a voxel: the surface.

    Args:
        face: open area towards minus, um^2, shape (n, 3); changed.
        below: neighbour towards minus or -1, shape (3, n).
        vector: work: vector area of the surface, um^2, zeros, shape (n, 3).
        normal: filled with its direction, shape (n, 3).
        least: vector areas below this have none, um^2.
    """
    n = face.shape[0]
    for i in range(n):
        for axis in range(3):
            at = below[axis, i]
            if at < 0:
                face[i, axis] = 0.0
            else:
                vector[i, axis] += face[i, axis]
                vector[at, axis] -= face[i, axis]
    for i in range(n):
        x, y, z = vector[i, 0], vector[i, 1], vector[i, 2]
        square = x * x + y * y + z * z
        scale = 1.0 / math.sqrt(square) if square > least * least else 0.0
        normal[i, 0], normal[i, 1], normal[i, 2] = x * scale, y * scale, z * scale


def label_pieces(face, below, label):
    """Number the connected pieces, through open faces, in the order of their first voxels; returns how many.

    Args:
        face: open area towards minus, um^2, shape (n, 3).
        below: neighbour towards minus or -1, shape (3, n).
        label: filled with the number of each voxel's piece, shape (n,).
    """
    n = label.size
    for i in range(n):
        root = i
        label[i] = i
        for axis in range(3):
            a = below[axis, i]
            if a >= 0 and face[i, axis] > 0.0:
                while label[a] != a:  # union under the lowest root, halving the paths on the way
                    label[a] = label[label[a]]
                    a = label[a]
                if a < root:
                    label[root] = a
                    root = a
                else:
                    label[a] = root
    count = 0
    for i in range(n):  # roots stand before their members: what a voxel points to has its number already
        if label[i] == i:
            label[i] = count
            count += 1
        else:
            label[i] = label[label[i]]
    return count
