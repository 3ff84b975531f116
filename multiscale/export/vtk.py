"""VTK's XML files, which ParaView, VisIt, PyVista and napari open: voxels, surfaces and trees, over time.

``run.pvd`` lists the files of a series in the folder ``run``: ``voxels_0000.vti`` (a regular box in which what is
outside of the cell is hidden; ``.vtu`` where the box would be huge), ``tree_0000.vtu`` (1-D segments as lines, with
their radius for ParaView's tube filter) and, if asked for, ``surface_0000.vtu``; further grids follow as
``voxels_1_0000.vti``. Values are single precision: what is to be computed with belongs into a netCDF file.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from multiscale.errors import FormatError
from multiscale.export.formats import replacing
from multiscale.voxel_image import VoxelImage, geometry_image, voxel_images
from multiscale.voxel_surface import CORNERS, Surface, surface_of

if TYPE_CHECKING:
    import xarray as xr

EXTENSIONS = (".pvd", ".vti", ".vtu")
HOLDS = "view"
BLOCK = 1 << 20  # bytes that are compressed together
HIDDEN = 32  # VTK's bit for cells that are not shown
LINE, TRIANGLE, VOXEL = 3, 5, 11  # VTK's numbers for shapes of cells
LARGEST_IMAGE = 40_000_000  # cells; a larger box is written as a list of voxels
TYPES = {"f4": "Float32", "f8": "Float64", "i4": "Int32", "i8": "Int64", "u1": "UInt8"}

Table = dict[str, NDArray[Any]]
"""Name of an array, with its unit, and its values."""


def write(data: Any, path: str | Path, *, time: float | None = None, surface: bool = False) -> tuple[Path, ...]:
    """Write what was recorded at all nodes, or where it was recorded, for looking at in space.

    Args:
        data: a Solution, its dataset, one of its variables, or a VoxelArrays.
        path: ``.pvd`` for all times; ``.vti`` for the voxels and ``.vtu`` for the 1-D segments (if there are none, for
            the voxels as a list of cubes) at one time.
        time: time of the row for ``.vti`` and ``.vtu``, ms; None: the last one.
        surface: write the surface of the voxels too (``.pvd``), or instead (``.vtu``): triangles where the volume
            fraction is one half, a little smoothed.

    Returns:
        The files that were written, the one to open first.
    """
    path, dataset = Path(path), _dataset(data)
    extension = path.suffix.lower()
    if extension not in EXTENSIONS:
        raise FormatError(f"VTK file '{path}' has extension '{path.suffix}', expected {' or '.join(EXTENSIONS)}")
    if extension == ".pvd":
        return _write_series(dataset, path, surface)
    row = dataset
    if "time" in dataset.dims:
        row = dataset.isel(time=-1) if time is None else dataset.sel(time=time, method="nearest")
    tree = _tree(row)
    if tree.size and extension == ".vtu" and not surface:
        content = _lines(row, tree)
    else:
        image, *others = voxel_images(row, "vtk")
        if others:
            raise FormatError(f"VTK file '{path}' holds one grid, the solution has {1 + len(others)}; write a '.pvd'")
        content = _box(row, image) if extension == ".vti" else _cubes(row, image)
        content = _skin(row, image, _surface(image)) if surface and extension == ".vtu" else content
    _save(path, content)
    return (path,)


def _dataset(data: Any) -> xr.Dataset:
    """All variables that have places, each along ``node`` as a whole; NaN where one was not recorded."""
    data = geometry_image(data) if hasattr(data, "face") and hasattr(data, "index") else getattr(data, "dataset", data)
    if hasattr(data, "to_dataset") and not hasattr(data, "data_vars"):
        data = data.to_dataset(name=str(data.name or "value")).assign_attrs(data.attrs)
    if not hasattr(data, "data_vars") or "node" not in data.dims:
        got = f"dimensions ({', '.join(map(str, data.dims))})" if hasattr(data, "dims") else type(data).__name__
        raise FormatError(f"vtk: got {got}, expected a solution or a variable with nodes; record all nodes")
    nodes, whole = data.sizes["node"], {}
    for name, variable in data.data_vars.items():
        if variable.dims[-1:] == ("node",):
            whole[name] = variable
        elif variable.dims[-1:] == (f"{name}.node",):
            values = np.full((*variable.shape[:-1], nodes), np.nan)
            values[..., data[f"{name}.node"].values] = variable.values
            whole[name] = ((*variable.dims[:-1], "node"), values, variable.attrs)
    if not whole:
        raise FormatError("vtk: no variable was recorded at several nodes, expected one or more; record all nodes")
    coords = {name: c for name, c in data.coords.items() if c.dims in {("node",), ("time",)}}
    return type(data)(whole, coords, data.attrs)  # type: ignore[no-any-return]


def _write_series(dataset: xr.Dataset, path: Path, surface: bool) -> tuple[Path, ...]:
    folder = path.with_suffix("")
    if not path.parent.is_dir():
        raise FormatError(f"VTK file '{path}': folder '{path.parent}' does not exist; create it first")
    timed = "time" in dataset.dims
    times = dataset["time"].values.tolist() if timed else [0.0]
    images = voxel_images(dataset, "vtk") if surface or "grid_x" in dataset.coords else ()
    skins = [_surface(image) for image in images] if surface else []
    tree = _tree(dataset)
    folder.mkdir(exist_ok=True)
    written, lines = [], []
    for number, time in enumerate(times):
        row = dataset.isel(time=number) if timed else dataset
        for part, (kind, extension, content) in enumerate(_parts(row, images, skins, tree)):
            file = folder / f"{kind}_{number:04d}{extension}"
            _save(file, content)
            written.append(file)
            where = quoteattr(f"{folder.name}/{file.name}")
            lines.append(f'<DataSet timestep="{time!r}" part="{part}" name="{kind}" file={where}/>')
    _save(path, ["<Collection>", *lines, "</Collection>"], "Collection")
    return (path, *written)


def _tree(dataset: xr.Dataset) -> NDArray[np.int64]:
    """Nodes that are 1-D segments with known ends, shape (m,)."""
    if "start_x" not in dataset.coords:
        return np.zeros(0, dtype=np.int64)
    known = np.isfinite(dataset["start_x"].values) & np.isfinite(dataset["end_x"].values)
    return np.flatnonzero(known & (dataset["grid_x"].values < 0) if "grid_x" in dataset.coords else known)


def _surface(image: VoxelImage) -> Surface:
    return surface_of(image, thin=True).smoothed()


def _parts(
    row: xr.Dataset, images: tuple[VoxelImage, ...], skins: list[Surface], tree: NDArray[np.int64]
) -> Iterator[tuple[str, str, list[str]]]:
    """Kind, extension and text of each file of one time."""
    for number, image in enumerate(images):
        name = f"voxels_{number}" if number else "voxels"
        if np.prod(image.shape, dtype=float) <= LARGEST_IMAGE:
            yield name, ".vti", _box(row, image)
        else:
            yield name, ".vtu", _cubes(row, image)
    for number, (image, skin) in enumerate(zip(images, skins, strict=False)):
        yield f"surface_{number}" if number else "surface", ".vtu", _skin(row, image, skin)
    if tree.size:
        yield "tree", ".vtu", _lines(row, tree)


def _fields(row: xr.Dataset) -> Table:
    """Values at the nodes, by name and unit."""
    found = {}
    for name, variable in row.data_vars.items():
        unit = str(variable.attrs.get("units", "1"))
        found[str(name) if unit in {"1", ""} else f"{name} ({unit})"] = variable.values.astype(np.float32)
    return found


def _of_voxels(row: xr.Dataset, image: VoxelImage) -> Table:
    table = {name: values[image.nodes] for name, values in _fields(row).items()}
    table["volume fraction"] = image.fraction.astype(np.float32)
    if "area" in row.coords:
        table["membrane area (um^2)"] = row["area"].values[image.nodes].astype(np.float32)
    return table


def _box(row: xr.Dataset, image: VoxelImage) -> list[str]:
    """Image data: the box around the voxels, x fastest."""
    extent = " ".join(f"0 {count}" for count in image.shape)
    place = " ".join(repr(float(x)) for x in image.corner)
    head = f'WholeExtent="{extent}" Origin="{place}" Spacing="{image.dx!r} {image.dx!r} {image.dx!r}"'
    cells: Table = {
        name: image.dense(values).transpose(2, 1, 0).ravel() for name, values in _of_voxels(row, image).items()
    }
    cells["volume fraction"] = np.nan_to_num(cells["volume fraction"])
    cells["vtkGhostType"] = np.where(cells["volume fraction"] > 0, 0, HIDDEN).astype(np.uint8)
    body = [f'<Piece Extent="{extent}">', *_group("CellData", cells), "</Piece>"]
    return [f"<ImageData {head}>", *_time(row), *body, "</ImageData>"]


def _cubes(row: xr.Dataset, image: VoxelImage) -> list[str]:
    """Each voxel as a cell of its own, with shared corners."""
    corners = image.keys[:, None] + CORNERS @ image.strides
    keys, numbers = np.unique(corners, return_inverse=True)
    _, ny, nz = (count + 4 for count in image.shape)
    index = np.stack([keys // (ny * nz), keys // nz % ny, keys % nz], axis=1) - 2
    points = image.corner + image.dx * index
    return _grid(row, points, numbers.reshape(-1, 8), VOXEL, cells=_of_voxels(row, image))


def _skin(row: xr.Dataset, image: VoxelImage, surface: Surface) -> list[str]:
    """The surface of the voxels as triangles."""
    points: Table = {
        name: surface.values(values[image.nodes]).astype(np.float32) for name, values in _fields(row).items()
    }
    points["Normals"] = surface.normals().astype(np.float32)
    return _grid(row, surface.vertices, surface.triangles, TRIANGLE, points=points)


def _lines(row: xr.Dataset, nodes: NDArray[np.int64]) -> list[str]:
    """1-D segments as lines of two points."""
    ends = np.array([[row[f"{end}_{axis}"].values[nodes] for axis in "xyz"] for end in ("start", "end")])
    points = ends.transpose(2, 0, 1).reshape(-1, 3)
    cells = {name: values[nodes] for name, values in _fields(row).items()}
    radius = {}
    if "diameter" in row.coords:
        cells["diameter (um)"] = row["diameter"].values[nodes].astype(np.float32)
        radius["radius (um)"] = np.repeat(cells["diameter (um)"] / 2, 2)
    return _grid(row, points, np.arange(2 * nodes.size).reshape(-1, 2), LINE, cells=cells, points=radius)


def _grid(
    row: xr.Dataset, places: NDArray[Any], corners: NDArray[np.int64], shape: int, *, cells: Table | None = None,
    points: Table | None = None,
) -> list[str]:  # fmt: skip
    count, each = corners.shape
    topology = {
        "connectivity": corners.ravel(),
        "offsets": each * np.arange(1, count + 1),
        "types": np.full(count, shape, dtype=np.uint8),
    }
    return [
        "<UnstructuredGrid>",
        *_time(row),
        f'<Piece NumberOfPoints="{len(places)}" NumberOfCells="{count}">',
        *_group("PointData", points or {}),
        *_group("CellData", cells or {}),
        *_group("Points", {"Points": places.astype(np.float64)}),
        *_group("Cells", topology),
        "</Piece>",
        "</UnstructuredGrid>",
    ]


def _time(row: xr.Dataset) -> list[str]:
    """The time, ms, where VTK's readers look for it."""
    if "time" not in row.coords:
        return []
    return ["<FieldData>", _array("TimeValue", np.array([float(row["time"])]), 'NumberOfTuples="1"'), "</FieldData>"]


def _group(tag: str, table: Table) -> list[str]:
    return [f"<{tag}>", *(_array(name, values) for name, values in table.items()), f"</{tag}>"]


def _array(name: str, values: NDArray[Any], more: str = "") -> str:
    """An array as compressed binary: numbers and sizes of the blocks, then the blocks, each in base 64."""
    kind = TYPES[values.dtype.newbyteorder("<").str[1:]]
    raw = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
    blocks = [zlib.compress(raw[at : at + BLOCK], 1) for at in range(0, len(raw), BLOCK)]
    sizes = np.array([len(blocks), BLOCK, len(raw) % BLOCK, *map(len, blocks)], dtype="<u8")
    text = base64.b64encode(sizes.tobytes()) + base64.b64encode(b"".join(blocks))
    width = f' NumberOfComponents="{values.shape[1]}"' if values.ndim > 1 else ""
    head = f'<DataArray type="{kind}" Name={quoteattr(name)}{width} {more} format="binary">'
    return f"{head}{text.decode()}</DataArray>"


def _save(path: Path, content: list[str], kind: str = "") -> None:
    kind = kind or content[0].split()[0].strip("<>")
    head = (
        f'<VTKFile type="{kind}" version="1.0" byte_order="LittleEndian" header_type="UInt64" '
        'compressor="vtkZLibDataCompressor">'
    )
    with replacing(path) as temporary:
        temporary.write_text("\n".join(['<?xml version="1.0"?>', head, *content, "</VTKFile>"]), encoding="utf-8")
