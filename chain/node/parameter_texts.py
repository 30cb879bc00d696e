"""What each parameter means, from the one place where it is written: the text below its line in the source.

Python keeps no such text at run time, so the source is read once, as it is installed with the program.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec

from chain.api_history import ParameterText
from chain.ledger.parameters import Parameters


@lru_cache(maxsize=16)
def read_texts(kind: type[msgspec.Struct]) -> dict[str, str]:
    """The text of each field of a struct, by the field's name; fields without one are left out."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    texts: dict[str, str] = {}
    for field, below in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            texts[field.target.id] = " ".join(below.value.value.split())
    return texts


def list_parameter_texts(parameters: Parameters) -> list[ParameterText]:
    """All parameters with value and text, groups spelled out, in the order of the source."""
    return _list(parameters, Parameters(), "")


def _list(values: msgspec.Struct, defaults: msgspec.Struct, prefix: str) -> list[ParameterText]:
    texts = read_texts(type(values))
    found: list[ParameterText] = []
    for name in values.__struct_fields__:
        value, default = getattr(values, name), getattr(defaults, name)
        if isinstance(value, msgspec.Struct):
            found += _list(value, default, f"{prefix}{name}.")
        else:
            found.append(
                ParameterText(
                    name=f"{prefix}{name}",
                    value=_render(value),
                    default=_render(default),
                    text=texts.get(name, ""),
                )
            )
    return found


def _render(value: Any) -> Any:
    return msgspec.to_builtins(value)
