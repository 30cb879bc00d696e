"""Imports point down the floors of the design."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: What each (sub-)folder may import besides itself; the longest matching prefix rules.
FLOORS: dict[str, tuple[str, ...]] = {
    "hotspot_host": ("chain", "router.lorawan", "hardware.lora", "hardware.boards", "firmware.link"),
    "router.lorawan": ("hardware.lora",),
    "router": ("chain", "hardware.lora"),
    "chain": ("hardware.lora",),
    "hardware.virtual": ("hardware.lora", "hardware.boards"),
    "hardware.lora": (),
    "hardware.boards": (),
    "firmware": (),
}
OURS = ("hotspot_host", "router", "chain", "hardware", "firmware", "tests", "hexhaul")


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def get_floor(module: str) -> str | None:
    matching = [floor for floor in FLOORS if is_within(module, floor)]
    return max(matching, key=len) if matching else None


def iterate_imports(path: Path, module: str) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join(parts[: len(parts) - node.level + 1] + ([base] if base else []))
            found += [f"{base}.{alias.name}" for alias in node.names]
    return found


def find_violations(root: Path) -> list[str]:
    violations = []
    for folder in ("hotspot_host", "router", "chain", "hardware", "firmware"):
        for path in sorted((root / folder).rglob("*.py")):
            relative = path.relative_to(root).with_suffix("")
            module = ".".join(relative.parts).removesuffix(".__init__")
            floor = get_floor(module)
            if floor is None:
                continue  # the bare package files of hardware/
            allowed = (floor, *FLOORS[floor])
            for imported in iterate_imports(path, module):
                ours = imported.split(".")[0] in OURS
                # Files of firmware/ see each other by their names on the board's flash.
                if ours and not any(is_within(imported, name) for name in allowed):
                    violations.append(f"{module} imports {imported}; allowed: {', '.join(allowed)}")
    return violations


def test_imports_point_down() -> None:
    assert find_violations(ROOT) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("chain/ledger/bad.py", "from router.lorawan import phy"),
        ("router/lorawan/bad.py", "import chain.keys"),
        ("hardware/lora/bad.py", "from hardware import virtual"),
        ("hotspot_host/bad.py", "from router.network import join"),
        ("hardware/virtual/bad.py", "from chain import keys"),
        ("chain/bad.py", "from ..router import x"),
    ],
)
def test_an_import_that_points_up_is_found(tmp_path: Path, module: str, line: str) -> None:
    path = tmp_path / module
    path.parent.mkdir(parents=True)
    path.write_text(line + "\n")
    assert len(find_violations(tmp_path)) == 1


def test_top_level_is_as_the_design_fixes_it() -> None:
    import subprocess

    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout: the list of tracked files is unknown")
    top = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    fixed = {"firmware", "hotspot_host", "router", "chain", "tests", "hardware", "README.md"}
    tools = {".ci", ".gitignore", "LICENSE", "Makefile", "pyproject.toml", "hexhaul.py", "package.json",
             "package-lock.json", "requirements.txt", "requirements-test.txt"}  # fmt: skip
    assert top <= fixed | tools
