"""`hexhaul chain ...` without --url asks the network that runs here, on whatever port it is."""

import json
from pathlib import Path

import pytest

from chain.cli import DEFAULT_URL, get_default_url


@pytest.mark.parametrize("content", [None, "no JSON", "[]", "{}"])
def test_without_a_running_network_it_is_the_usual_port(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEXHAUL_DATA", str(tmp_path))
    if content is not None:
        (tmp_path / "up.json").write_text(content)
    assert get_default_url() == DEFAULT_URL


def test_a_running_network_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEXHAUL_DATA", str(tmp_path))
    (tmp_path / "up.json").write_text(json.dumps({"chain_api": "http://127.0.0.1:18080/v1"}))
    assert get_default_url() == "http://127.0.0.1:18080"
