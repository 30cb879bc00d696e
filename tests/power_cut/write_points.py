"""All write points of the source: where a process may be killed right before and right after a commit.

Read from the syntax trees, so that a new one cannot be forgotten: calls of ``write_point("name")``, and
transactions that name their write points ``name.before_commit`` and ``name.after_commit``.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_FOLDERS = ("chain", "firmware", "hardware", "hotspot_host", "router")
SIDES = ("before_commit", "after_commit")


class UnreadableName(AssertionError):
    """A write point is named by something that cannot be read off the source."""


def find_write_points() -> set[str]:
    """The names of all write points. Raises UnreadableName where a name is neither a string nor a constant
    of its module."""
    points: set[str] = set()
    for folder in SOURCE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "write_point(" in text or ".transaction(" in text or ".put_fact(" in text:
                points |= set(find_in(ast.parse(text), path))
    return points


def find_in(tree: ast.Module, path: Path) -> Iterator[str]:
    """The names of the write points in one module."""
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    opened = {
        id(item.context_expr) for node in ast.walk(tree) if isinstance(node, ast.With) for item in node.items
    }
    for function, call in _list_calls(tree):
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if called not in ("write_point", "transaction", "put_fact") or not call.args:
            continue
        if called == "transaction" and id(call) not in opened and not _is_database(call):
            continue  # the question about a transaction at the chain node
        argument = call.args[0]
        if isinstance(argument, ast.JoinedStr):
            if function in ("transaction", "put_fact"):
                continue  # these two give their names on, and are looked at where they are called
            raise UnreadableName(f"{path}:{call.lineno}: {ast.unparse(call)}")
        name = argument.value if isinstance(argument, ast.Constant) else None
        if isinstance(argument, ast.Name):
            name = constants.get(argument.id)
        if not isinstance(name, str):
            raise UnreadableName(f"{path}:{call.lineno}: {ast.unparse(call)}: name it by a string")
        if called == "write_point":
            yield name
        else:
            stem = f"hotspot.fact.{name}" if called == "put_fact" else name
            yield from (f"{stem}.{side}" for side in SIDES)


def _list_calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the name of the function that it stands in."""

    def visit(node: ast.AST, function: str) -> Iterator[tuple[str, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield function, child
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from visit(child, child.name if is_function else function)

    yield from visit(tree, "")


def _is_database(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith("database.transaction")
