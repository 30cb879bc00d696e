"""Fixtures that every test may use: where the shared vectors and recordings lie."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of known answers and recordings; tests that need it say so where it is absent."""
    folder = Path(os.environ.get("HEXHAUL_SHARED", ROOT.parent / "shared"))
    if not (folder / "vectors").is_dir():
        pytest.skip(f"no shared vectors at {folder}: set HEXHAUL_SHARED")
    return folder
