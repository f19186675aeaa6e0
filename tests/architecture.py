"""What a package imports from itself, read from its source: rooms, arrows, circles.

``python tests/architecture.py [folder of a package]`` prints the figures.
"""

import ast
import sys
from collections import defaultdict
from pathlib import Path


def run_time_imports(path):
    """Every module and name that a file imports at run time, also inside functions, as dotted names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for child in block.body
        for node in ast.walk(child)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(package):
    """The package's files by dotted name, relative to it; the package's own face is ``__init__``."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = list(path.relative_to(package).with_suffix("").parts)
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        found[".".join(parts)] = path
    return found


def arrows_between_files(package, homes=None):
    """Pairs (importing file, imported file) as dotted names relative to the package.

    ``homes`` maps names that the package's face offers to the module that holds them.
    """
    files, top = files_of(package), package.name
    arrows = set()
    for name, path in files.items():
        for target in run_time_imports(path):
            head, _, rest = target.partition(".")
            if head != top:
                continue
            rest = (homes or {}).get(rest, f"{top}.{rest}").partition(".")[2]
            while rest and rest not in files:
                rest = rest.rpartition(".")[0]
            if rest and rest != name:
                arrows.add((name, rest))
    return arrows


def room_of(file):
    """The room of a file: the folder or module right below the package."""
    return file.partition(".")[0]


def circles(arrows):
    """Groups of nodes that import each other in a loop, the smallest first."""
    below = defaultdict(set)
    for source, target in arrows:
        below[source].add(target)
    reach = {node: _reachable(node, below) for node in list(below)}
    groups = {
        frozenset({node, *(other for other in reach[node] if node in reach.get(other, ()))})
        for node in reach
        if node in reach[node]
    }
    return sorted(map(sorted, groups), key=len)


def _reachable(start, below):
    seen, waiting = set(), list(below[start])
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(below.get(node, ()))
    return seen


def figures(package, homes=None):
    """Rooms, arrows and circles of a package, for people."""
    between_files = arrows_between_files(package, homes)
    files = files_of(package)
    between_rooms = {(room_of(a), room_of(b)) for a, b in between_files if room_of(a) != room_of(b)}
    loops = circles(between_files)
    rooms = {room_of(name) for name in files} - {"__init__", "__main__"}
    lines = [
        f"{package.name}: {len(files)} files in {len(rooms)} rooms",
        f"arrows between files: {len(between_files)}; between rooms: {len(between_rooms)}",
        f"circles of files, lazy imports counted: {len(loops)}",
        *("  " + " <-> ".join(loop) for loop in loops),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    default = Path(__file__).resolve().parents[1] / "skdyn"
    for folder in sys.argv[1:] or [default]:
        print(figures(Path(folder).resolve()))
