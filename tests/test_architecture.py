"""The rules of the house that a machine can check: floors, cycles, imports, sizes, state, classes."""

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPEC = find_spec("multiscale")
assert SPEC is not None, "the package 'multiscale' is not installed; run pip install -e '.[test]'"
assert SPEC.origin is not None, "'multiscale' is a folder without __init__.py"
PACKAGE = Path(SPEC.origin).parent

# Bottom floor first; a module imports only from lower floors, or, without a cycle, from its own.
FLOORS = (
    ("errors", "progress"),
    ("kernels",),
    ("units",),
    ("symbols", "quantity", "probes"),
    ("functions",),
    ("segmentation",),
    ("solids", "triangles"),
    ("geometry",),
    ("regions",),
    ("species",),
    ("processes",),
    ("exchange", "gather", "serialize", "sources"),
    ("model",),
    ("dimensions",),
    ("voxelize",),
    ("voxel_image", "voxel_surface"),
    ("rxd",),
    ("electro",),
    ("export",),
    ("coordinates",),
    ("solution", "plot"),
    ("recording", "sampling"),
    ("simulate", "bench"),
    ("cli",),
    ("__init__", "__main__"),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MODEL_LAYER = FLOORS[: FLOOR_OF["dimensions"] + 1]

FACADES = {"multiscale.functions"}  # made to hand names on: functions for formulas, sympy's and ours
MAX_LINES = 400
MAX_METHODS = 15
TEST_FOLDERS = {"model", "analytic", "conformance", "neuron", "bench"}  # besides those that mirror a package folder
ROOT_LINKS = ("rxd", "electro", "voxelize", "export")


@dataclass(frozen=True)
class Import:
    """One imported module: its dotted name, the names taken from it, the line, and whether it runs at top level."""

    module: str
    names: tuple[str, ...]
    line: int
    at_top: bool
    level: int


@dataclass(frozen=True)
class Module:
    """One file of the package, parsed."""

    name: str  # "multiscale.rxd.mesh"
    path: Path
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The first name under ``multiscale``: a folder or a file at the top."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else "__init__"

    @property
    def imports(self) -> tuple[Import, ...]:
        return tuple(imports_of(self.tree))


def imports_of(tree: ast.AST, at_top: bool = True) -> list[Import]:
    """All imports below a node; those inside functions and under ``if TYPE_CHECKING`` do not run at top level."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, (), node.lineno, at_top, 0) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            found.append(Import(node.module or "", names, node.lineno, at_top, node.level))
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        never = isinstance(node, ast.If) and called(node.test) == "TYPE_CHECKING"
        found += imports_of(node, at_top and not (later or never))
    return found


def module_name(path: Path) -> str:
    parts = ["multiscale", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Module]:
    """Every Python file of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found[module_name(path)] = Module(module_name(path), path, text, ast.parse(text, str(path)))
    return found


def edges(module: Module) -> set[str]:
    """Modules of the package that this one imports: `from multiscale.rxd import mesh` is an edge to `.rxd.mesh`."""
    known = modules()
    found = set()
    for item in module.imports:
        submodules = {f"{item.module}.{name}" for name in item.names} & known.keys()
        found |= submodules or ({item.module} & known.keys())
    return found - {module.name}


def report(breaches: list[str]) -> None:
    assert not breaches, "\n" + "\n".join(breaches)


def classes() -> list[tuple[Module, ast.ClassDef]]:
    return [(m, node) for m in modules().values() for node in ast.walk(m.tree) if isinstance(node, ast.ClassDef)]


def called(node: ast.expr) -> str:
    """The last name of ``a.b.c`` or ``a.b.c(...)``."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_every_room_has_a_floor():
    homeless = [m for m in modules().values() if m.room not in FLOOR_OF]
    report([f"{m.path}: '{m.room}' is not in FLOORS; choose its floor" for m in homeless])


def test_imports_point_down():
    report(
        [
            f"{m.name} (floor of '{m.room}') imports {target} from a floor above"
            for m in modules().values()
            for target in sorted(edges(m))
            if FLOOR_OF.get(modules()[target].room, -1) > FLOOR_OF.get(m.room, len(FLOORS))
        ]
    )


def test_no_import_cycle():
    """Counts imports inside functions and under TYPE_CHECKING too: hiding a cycle does not remove it."""
    graph = {name: edges(module) for name, module in modules().items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            pytest.fail("import cycle: " + " -> ".join((*trail[trail.index(name) :], name)))
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_imports_are_absolute_and_never_from_the_package_itself():
    breaches = []
    for m in modules().values():
        for item in m.imports:
            if item.level:
                breaches.append(f"{m.path}:{item.line}: relative import; write the whole name")
            elif item.module == "multiscale":
                breaches.append(f"{m.path}:{item.line}: imports from 'multiscale' itself; name the defining module")
    report(breaches)


def test_names_come_from_the_module_that_defines_them():
    breaches = []
    for m in modules().values():
        for item in m.imports:
            source = modules().get(item.module)
            if source is None or source.name in FACADES:
                continue
            passed_on = {name: i.module for i in source.imports if i.at_top for name in i.names}
            breaches += [
                f"{m.path}:{item.line}: takes '{name}' from {item.module}, which has it from {passed_on[name]}"
                for name in item.names
                if passed_on.get(name, "").startswith("multiscale.")
            ]
    report(breaches)


@pytest.mark.parametrize(("library", "allowed"), [("mpi4py", "multiscale.electro.mpi")])
def test_only_one_file_imports(library, allowed):
    users = {m.name for m in modules().values() for i in m.imports if i.module.split(".")[0] == library}
    assert users <= {allowed}


@pytest.mark.parametrize("library", ["matplotlib", "mpi4py", "cupy", "neuron", "roadrunner"])
def test_imported_only_inside_functions(library):
    report(
        [
            f"{m.path}:{i.line}: imports {library} at top level; move it into the function that needs it"
            for m in modules().values()
            for i in m.imports
            if i.at_top and i.module.split(".")[0] == library
        ]
    )


def test_every_folder_with_code_is_a_package():
    folders = {m.path.parent for m in modules().values()}
    report([f"{folder} has no __init__.py" for folder in sorted(folders) if not (folder / "__init__.py").is_file()])


def test_files_and_classes_are_small():
    breaches = [
        f"{m.path}: {lines} lines; split it (at most {MAX_LINES})"
        for m in modules().values()
        if (lines := len(m.text.splitlines())) > MAX_LINES
    ]
    for m, node in classes():
        named = [f for f in node.body if isinstance(f, ast.FunctionDef) and not f.name.startswith("__")]
        if len(named) > MAX_METHODS:
            breaches.append(f"{m.path}:{node.lineno}: {node.name} has {len(named)} methods (at most {MAX_METHODS})")
    report(breaches)


def test_no_global_state():
    """No `global`, no `__del__`, no empty container at module level that something would fill later."""
    breaches = []
    for m in modules().values():
        breaches += [
            f"{m.path}:{node.lineno}: {type(node).__name__} statement; pass the value along"
            for node in ast.walk(m.tree)
            if isinstance(node, ast.Global)
        ]
        breaches += [
            f"{m.path}:{node.lineno}: __del__; release what is held in a context manager"
            for node in ast.walk(m.tree)
            if isinstance(node, ast.FunctionDef) and node.name == "__del__"
        ]
        for node in m.tree.body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            empty = (isinstance(value, ast.Dict) and not value.keys) or (isinstance(value, ast.List) and not value.elts)
            call = isinstance(value, ast.Call) and not value.args and called(value) in {"dict", "list", "set", "count"}
            if empty or call:
                breaches.append(f"{m.path}:{node.lineno}: an empty container at module level is a registry")
    report(breaches)


def test_dataclasses_of_the_model_layer_are_frozen():
    rooms = {room for floor in MODEL_LAYER for room in floor}
    breaches = []
    for m, node in classes():
        for decorator in node.decorator_list:
            if m.room in rooms and called(decorator) == "dataclass":
                options = decorator.keywords if isinstance(decorator, ast.Call) else []
                if not any(o.arg == "frozen" and getattr(o.value, "value", None) is True for o in options):
                    breaches.append(f"{m.path}:{node.lineno}: {node.name} is a dataclass that is not frozen")
    report(breaches)


def methods(node: ast.ClassDef, *, abstract: bool) -> set[str]:
    """Names of the methods that are, or are not, marked abstract."""
    functions = [f for f in node.body if isinstance(f, ast.FunctionDef)]
    return {f.name for f in functions if abstract == any(called(d).startswith("abstract") for d in f.decorator_list)}


def is_abstract(node: ast.ClassDef) -> bool:
    """An abstract base class, a protocol, or a branch of the error tree."""
    bases = {called(base) for base in node.bases} | {called(k.value) for k in node.keywords}
    return bool(methods(node, abstract=True) or bases & {"ABC", "ABCMeta", "Protocol"}) or node.name.endswith("Error")


def test_every_class_is_abstract_or_final():
    """A class that another one extends is abstract, and what it defines in full is not defined again below."""
    known = {node.name: node for _, node in classes()}
    breaches = []
    for m, node in classes():
        for base in (known[called(b)] for b in node.bases if called(b) in known):
            if not is_abstract(base):
                breaches.append(f"{m.path}:{node.lineno}: {node.name} extends {base.name}, which is not abstract")
            every = methods(node, abstract=True) | methods(node, abstract=False)
            if again := every & methods(base, abstract=False):
                breaches.append(f"{m.path}:{node.lineno}: {node.name} overrides {base.name}.{', '.join(sorted(again))}")
    report(breaches)


def test_test_folders_mirror_the_package():
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    rooms = {m.room for m in modules().values() if m.path.parent.name == m.room and m.path.name != "__init__.py"}
    report([f"tests/{name} mirrors no folder of the package" for name in sorted(folders - rooms - TEST_FOLDERS)])
    report([f"multiscale/{name} has no tests in tests/{name}" for name in sorted(rooms - folders)])
    report([f"{path}: tests are no package (importlib mode)" for path in (ROOT / "tests").rglob("__init__.py")])


@pytest.mark.skipif(not (ROOT / "multiscale").is_dir(), reason="the links belong to the repository, not to the wheel")
def test_root_links_show_the_architecture():
    for name in ROOT_LINKS:
        link = ROOT / name
        if link.is_symlink():  # lost links harm nothing: a file system may not have them
            assert link.readlink() == Path("multiscale", name)
            assert link.is_dir()
    command = ["git", "ls-files", "-s", *ROOT_LINKS]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode == 0 and tracked.stdout:
        assert [line.split()[0] for line in tracked.stdout.splitlines()] == ["120000"] * len(ROOT_LINKS)
