"""
Draw ``docs/images/architecture.svg`` from what the parts of eventkit import.

Run ``python docs/make_architecture_picture.py`` after a change; a test fails while the picture is
stale, while an import points up, and while there is a circle.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "eventkit"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("contrib",),
    ("cli",),
    ("demo", "testing"),
    ("backends", "receivers", "batch"),
    ("router",),
    ("transports", "stores"),
    ("dead_letters",),
    ("consumers", "translators"),
    ("filters", "validation"),
    ("events",),
    ("reading", "instrumentation"),
    ("base",),
    ("exceptions", "typing"),
)
"""The parts of the package, from the top to the ground: an import points down, or stays inside."""

ABOVE = ("", "__main__")
"""What stands above all parts: the package itself, and how it is run."""

Imports = Mapping[str, frozenset[str]]
"""Of every module, the modules that it imports; names are without the package's own."""


def sources() -> dict[str, str]:
    """Give the text of every module, by its name below the package; ``""`` is the package."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        found[".".join(parts).removesuffix("__init__").removesuffix(".")] = path.read_text("utf-8")
    return found


def imports(texts: Mapping[str, str]) -> Imports:
    """Read what each module imports: anywhere in it, also for types only, also by a path."""
    return {
        name: frozenset(each for each in _imported(name, text, texts) if each != name)
        for name, text in texts.items()
    }


def _imported(module: str, text: str, modules: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module(alias.name, modules)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{module}: imports are absolute here; name the whole path")
            for alias in node.names:
                yield from _module(f"{node.module}.{alias.name}", modules)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # What is imported by its path, as a transport is.
            path, _, named = node.value.partition(":")
            if named and all(map(str.isidentifier, named.split("."))):
                yield from _module(path, modules)
        elif isinstance(node, ast.Call) and _called(node.func) in {"import_module", "__import__"}:
            yield from _path(module, node, modules)


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _path(module: str, call: ast.Call, modules: Mapping[str, str]) -> Iterator[str]:
    """Give what a call imports, where it says so itself."""
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        if first.value.startswith("."):
            raise ValueError(f"{module}: imports are absolute here; name the whole path")
        yield from _module(first.value, modules)
    elif isinstance(first, ast.JoinedStr) and not _stays(first, module):
        hidden = f"{module}: a path that is put together hides what is imported"
        raise ValueError(hidden)


def _stays(path: ast.JoinedStr, module: str) -> bool:
    """Tell whether a path that is put together cannot but lead into the module's own part."""
    first = path.values[0]
    own = f"{PACKAGE}.{part(module)}."
    return isinstance(first, ast.Constant) and str(first.value).startswith(own)


def _module(path: str, modules: Mapping[str, str]) -> Iterator[str]:
    """Give the module that holds what has this path."""
    if path == PACKAGE:
        yield ""
    if path.startswith(f"{PACKAGE}."):
        name = path.removeprefix(f"{PACKAGE}.")
        while name and name not in modules:
            name = name.rpartition(".")[0]
        yield name


def part(module: str) -> str:
    """Give the part that a module belongs to."""
    return module.partition(".")[0]


def upward(found: Imports) -> list[str]:
    """List the imports that do not point down."""
    height = {name: len(LAYERS) - n for n, layer in enumerate(LAYERS) for name in layer}
    height |= dict.fromkeys(ABOVE, len(LAYERS) + 1)
    if homeless := {part(each) for each in found} - set(height):
        raise ValueError(f"{', '.join(sorted(homeless))}: put each new part into LAYERS")
    return [
        f"{module or PACKAGE} imports {other or PACKAGE}"
        for module, others in sorted(found.items())
        for other in sorted(others)
        if part(module) != part(other) and height[part(module)] <= height[part(other)]
    ]


def circle(found: Imports) -> list[str]:
    """Give the modules of one circle of imports; none if there is no circle."""
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        names: list[str] = error.args[1]
        return names
    return []


def arrows(found: Imports) -> dict[str, set[str]]:
    """Give of every part the parts that it imports, without those that others of them import."""
    direct: dict[str, set[str]] = {name: set() for layer in LAYERS for name in layer}
    for module, others in found.items():
        if part(module) in direct:
            direct[part(module)] |= {part(each) for each in others} - {part(module)}
    below: dict[str, set[str]] = {}
    for name in TopologicalSorter(direct).static_order():
        below[name] = direct[name].union(*(below[each] for each in direct[name]))
    return {
        name: {each for each in others if not any(each in below[other] for other in others)}
        for name, others in direct.items()
    }


_WIDTH, _ROW, _BOX, _HEIGHT = 760, 62, 132, 30
_FONT = 'font-family="sans-serif" font-size="14"'
_MARKER = (
    '<marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0 8 4 0 8z" fill="#77828c"/></marker>'
)


def render() -> str:
    """Give the picture, as SVG."""
    places = {
        name: (_WIDTH * (2 * column + 1) // (2 * len(layer)), 24 + _ROW * row)
        for row, layer in enumerate(LAYERS)
        for column, name in enumerate(layer)
    }
    height = _ROW * len(LAYERS) + 8
    size = f'width="{_WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {size} {_FONT}>',
        "<title>The parts of eventkit, and what they import</title>",
        f"<defs>{_MARKER}</defs>",
        f'<rect {size} fill="#ffffff"/>',
    ]
    # Arrows that pass a box on their way are seen to pass it.
    lines += [_box(*place) for place in places.values()]
    lines += [
        _arrow(places[name], places[other])
        for name, others in arrows(imports(sources())).items()
        for other in sorted(others)
    ]
    lines += [_name(name, *place) for name, place in places.items()]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x, y), (to_x, to_y) = (start[0], start[1] + _HEIGHT), end
    bend = (to_y - y) // 2
    return (
        f'<path d="M{x} {y}C{x} {y + bend} {to_x} {to_y - bend} {to_x} {to_y}" fill="none" '
        'stroke="#77828c" stroke-width="1.2" marker-end="url(#end)"/>'
    )


def _box(x: int, y: int) -> str:
    return (
        f'<rect x="{x - _BOX // 2}" y="{y}" width="{_BOX}" height="{_HEIGHT}" rx="4" '
        'fill="#eef3f7" stroke="#335c81"/>'
    )


def _name(name: str, x: int, y: int) -> str:
    return f'<text x="{x}" y="{y + 20}" text-anchor="middle" fill="#1d2a35">{name}</text>'


if __name__ == "__main__":
    PICTURE.write_text(render(), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))
