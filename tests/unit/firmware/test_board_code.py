"""What runs on the boards keeps to what the boards have: a lint of firmware/ by its syntax trees."""

import ast
import tokenize
from pathlib import Path

import pytest

import firmware
from hardware.virtual.board.flash import collect_firmware

FOLDER = Path(firmware.__file__).parent
FILES = sorted(path for path in FOLDER.rglob("*.py") if path.name != "__init__.py")
#: Modules of the ESP32 port that we use; what else a file imports is a neighbour.
PORT_MODULES = {
    "cryptolib", "esp32", "gc", "io", "json", "machine", "micropython", "os", "select", "struct", "sys",
    "time",
}  # fmt: skip


def find_foreign(source: str, name: str = "x.py") -> list[str]:
    """What a board can't have, or we don't want there, as sentences."""
    found = []
    neighbours = {path.stem for path in FILES}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"{name}:{line}: float {node.value}")
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            found.append(f"{name}:{line}: division that makes a float")
        if isinstance(node, ast.Name) and node.id == "float":
            found.append(f"{name}:{line}: float()")
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            found.append(f"{name}:{line}: async")
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            modules = []
        found += [
            f"{name}:{line}: imports {module}"
            for module in modules
            if module not in PORT_MODULES and module not in neighbours
        ]
        if isinstance(node, ast.Attribute) and node.attr in ("native", "viper"):
            found.append(f"{name}:{line}: {node.attr} code")
        if isinstance(node, ast.Attribute) and node.attr == "platform":
            found.append(f"{name}:{line}: asks for the platform")
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
            has_errno = any(isinstance(part, ast.Attribute) and part.attr == "errno" for part in parts)
            if has_errno and any(isinstance(part, ast.Constant) for part in parts):
                found.append(f"{name}:{line}: errno as a number")
    return found


def test_there_are_files() -> None:
    assert len(FILES) >= 15


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_file_keeps_to_what_boards_have(path: Path) -> None:
    assert find_foreign(path.read_text(), path.name) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x = 0.5", "float"),
        ("x = a / b", "division"),
        ("a /= 2", "division"),
        ("x = float(a)", "float"),
        ("import asyncio", "imports asyncio"),
        ("import socket", "imports socket"),
        ("async def f():\n    pass", "async"),
        ("if error.errno == 2:\n    pass", "errno"),
        ("@micropython.viper\ndef f():\n    pass", "viper"),
        ("x = sys.platform == 'esp32'", "platform"),
    ],
)
def test_the_lint_finds_what_it_is_for(line: str, words: str) -> None:
    assert any(words in text for text in find_foreign(line))


@pytest.mark.parametrize("kind", ["hotspot", "sensor"])
def test_names_on_the_flash_are_unique_and_shadow_nothing(kind: str) -> None:
    folders = (FOLDER, FOLDER / "drivers", FOLDER / kind)
    names = [path.stem for folder in folders for path in folder.glob("*.py")]
    names = [name for name in names if name not in ("__init__", "main")]
    assert len(names) == len(set(names))
    assert not set(names) & PORT_MODULES


@pytest.mark.parametrize("kind", ["hotspot", "sensor"])
def test_it_compiles_and_stays_small(kind: str) -> None:
    files = collect_firmware(kind)
    assert "main.py" in files
    # The file system of a 4 MB board has 2 MB; what counts is that nothing grows unnoticed.
    assert sum(len(content) for content in files.values()) < 32 * 1024


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_interrupt_handlers_do_allocates_nothing(path: Path) -> None:
    """Handlers may store and call what stores; no literal, no arithmetic that could grow, no print."""
    tree = ast.parse(path.read_text())
    handlers = {
        keyword.value.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "handler" and isinstance(keyword.value, ast.Attribute)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in handlers:
            for statement in node.body:
                assert isinstance(statement, ast.Assign), f"{path.name}:{statement.lineno}"
                value = statement.value
                is_plain = isinstance(value, ast.Constant | ast.Attribute) or (
                    isinstance(value, ast.Call) and not value.args and not value.keywords
                )
                assert is_plain, f"{path.name}:{statement.lineno}"


def test_no_comment_holds_a_tab_or_odd_sign() -> None:
    for path in FILES:
        with path.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type == tokenize.COMMENT:
                    assert token.string.isascii(), f"{path.name}:{token.start[0]}"
