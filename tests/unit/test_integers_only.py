"""No floating point where two machines must come to the same state: every file of the rules is read for it.

What a rule calls outside of them is bounded too: of ``math`` only the exact integer functions, of the H3
library only what is grid arithmetic on the index (its coordinates and lengths are floating point).
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RULES = ("chain/coverage", "chain/rewards", "chain/ledger", "chain/data", "chain/blocks")

#: Exact on integers of any size.
INTEGER_MATH = {"isqrt", "gcd", "lcm", "comb", "factorial", "perm"}
#: They compute in floating point, or are another answer on another machine or day.
FORBIDDEN_MODULES = {
    "cmath", "datetime", "decimal", "fractions", "numpy", "random", "secrets", "statistics", "time",
}  # fmt: skip
FORBIDDEN_NAMES = {"float", "complex"}
H3_IN_FLOATS = {
    "average_hexagon_area", "average_hexagon_edge_length", "cell_area", "cell_to_boundary", "cell_to_latlng",
    "cells_to_geo", "cells_to_h3shape", "edge_length", "great_circle_distance", "h3shape_to_cells",
    "h3shape_to_cells_experimental", "latlng_to_cell", "polygon_to_cells", "directed_edge_to_boundary",
    "vertex_to_latlng", "geo_to_cells",
}  # fmt: skip


def find_floats(source: str) -> list[tuple[int, str]]:
    """(line, what) for everything in a file's source that could bring floating point into a rule."""
    found = []
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append((line, f"literal {node.value}"))
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            found.append((line, "true division"))
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Pow):
            exponent = node.right if isinstance(node, ast.BinOp) else node.value
            if any(isinstance(part, ast.Sub | ast.USub) for part in ast.walk(exponent)):
                found.append((line, "power with an exponent that may be negative"))
        elif isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            found += [(line, f"import {name}") for name in names & (FORBIDDEN_MODULES | {"math"})]
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")[0]
            if module in FORBIDDEN_MODULES:
                found.append((line, f"import from {module}"))
            elif module == "math":
                names = {alias.name for alias in node.names} - INTEGER_MATH
                found += [(line, f"math.{name}") for name in names]
        elif isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            found.append((line, node.id))
        elif isinstance(node, ast.Attribute) and node.attr in H3_IN_FLOATS:
            found.append((line, node.attr))
    return found


@pytest.mark.parametrize("folder", RULES)
def test_no_floating_point_in_the_rules(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert len(files) > 3
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in files
        for line, what in find_floats(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "x = 1.0", "x = 1e3", "x = a / b", "x /= 2", "x = 2j", "import math", "from math import sqrt",
        "from math import isqrt, log", "x = float(y)", "import random", "from time import time",
        "import numpy as np", "x = h3.cell_to_latlng(c)", "x = h3.great_circle_distance(a, b)", "x = 2 ** -1",
        "x = 2 ** (a - b)", "import numpy.linalg",
    ],
)  # fmt: skip
def test_what_the_test_would_find(line: str) -> None:
    assert find_floats(line)


@pytest.mark.parametrize(
    "line", ["x = 1_000", "x = a // b", "from math import isqrt", "x = h3.grid_disk(c, 1)", "x = 7 ** 2"]
)
def test_what_it_lets_pass(line: str) -> None:
    assert find_floats(line) == []
