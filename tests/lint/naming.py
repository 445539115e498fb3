"""Check names and docstrings: `python tests/lint/naming.py sdk/keyart server/keyart_server …`.

The arguments are the folders of packages. The rules:

- at most 1 % of a distribution's docstrings begin with a fragment ("Of the clip, …");
- a class name is used once in a distribution;
- a file name is used once in a package, `__init__` and `routes` aside;
- bounds are called `MAX_…` and `MIN_…`;
- at most ten modules lie loose at the top of a package.

Prints each offence with its place and exits with 1 if a rule is broken.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

FRAGMENTS = {
    "all", "also", "and", "as", "at", "both", "but", "by", "for", "from", "how", "in", "nobody", "nothing", "of",
    "on", "one", "only", "or", "over", "than", "that", "those", "to", "under", "what", "whatever", "where", "whether",
    "which", "while", "who", "whoever", "whom", "whose", "why", "with", "within", "without",
}  # fmt: skip
MAX_FRAGMENTS_PERCENT = 1.0
MAX_LOOSE_MODULES = 10
REPEATABLE_FILES = {"__init__", "__main__", "routes"}
BOUNDS = ("MOST_", "LEAST_")
DISTRIBUTIONS = {"keyart": "keyart"}  # every other package belongs to:
OTHERS = "keyart-tools"
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Package:
    """The syntax trees of one package, by path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.distribution = DISTRIBUTIONS.get(folder.name, OTHERS)
        self.trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(folder.rglob("*.py"))}

    def nodes(self) -> Iterator[tuple[Path, ast.AST]]:
        return ((path, node) for path, tree in self.trees.items() for node in ast.walk(tree))

    def docstrings(self) -> list[tuple[str, str]]:
        """Return the place and the first line of each docstring."""
        documented = ((path, node) for path, node in self.nodes() if isinstance(node, Documented))
        texts = ((path, node, ast.get_docstring(node)) for path, node in documented)
        return [(place(path, node), text.splitlines()[0]) for path, node, text in texts if text]

    def bounds(self) -> list[str]:
        """Return the definitions whose name begins with MOST_ or LEAST_, underscores aside."""
        names = ((path, node) for path, node in self.nodes() if isinstance(node, ast.Name))
        defined = ((path, node) for path, node in names if isinstance(node.ctx, ast.Store))
        return [f"{place(path, node)} {node.id}" for path, node in defined if node.id.lstrip("_").startswith(BOUNDS)]

    def repeated_files(self) -> list[str]:
        paths = defaultdict(list)
        for path in self.trees:
            paths[path.stem].append(path)
        same = (found for stem, found in paths.items() if len(found) > 1 and stem not in REPEATABLE_FILES)
        return [f"{found[0].name}: {', '.join(str(path.parent) for path in found)}" for found in same]

    def loose_modules(self) -> list[str]:
        return [path.name for path in self.trees if path.parent == self.folder and path.stem not in REPEATABLE_FILES]


def place(path: Path, node: ast.AST) -> str:
    return f"{path}:{getattr(node, 'lineno', 1)}"


def is_fragment(line: str) -> bool:
    return line.split(maxsplit=1)[0].strip("`*.,:;").lower() in FRAGMENTS


def repeated_classes(packages: list[Package]) -> list[str]:
    places = defaultdict(list)
    for package in packages:
        for path, node in package.nodes():
            if isinstance(node, ast.ClassDef):
                places[node.name].append(place(path, node))
    return [f"{name}: {', '.join(found)}" for name, found in sorted(places.items()) if len(found) > 1]


def report(title: str, offences: list[str], allowed: int = 0) -> bool:
    """Print the offences and return whether there are more than allowed."""
    if offences:
        print(f"{title}: {len(offences)}" + (f" (at most {allowed} allowed)" if allowed else ""))
        print("".join(f"  {offence}\n" for offence in offences), end="")
    return len(offences) > allowed


def main(folders: list[str]) -> int:
    packages = [Package(Path(folder)) for folder in folders]
    broken = []
    for package in packages:
        broken += [
            report(f"{package.folder}: file names used more than once", package.repeated_files()),
            report(f"{package.folder}: bounds not called MAX_ or MIN_", package.bounds()),
            report(f"{package.folder}: loose modules at the top", package.loose_modules(), MAX_LOOSE_MODULES),
        ]
    for name in sorted({package.distribution for package in packages}):
        members = [package for package in packages if package.distribution == name]
        docstrings = [docstring for package in members for docstring in package.docstrings()]
        fragments = [f"{where} {line}" for where, line in docstrings if is_fragment(line)]
        allowed = int(len(docstrings) * MAX_FRAGMENTS_PERCENT / 100)
        broken += [
            report(f"{name}: {len(docstrings)} docstrings; begin with a fragment", fragments, allowed),
            report(f"{name}: class names used more than once", repeated_classes(members)),
        ]
    return int(any(broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
