"""Copies the map page's libraries and basemap from node_modules: ``python -m chain.explorer.assets``."""

import json
import shutil
import sys
from pathlib import Path

STATIC = Path(__file__).with_name("static")
VENDOR = STATIC / "vendor"
NODE_MODULES = Path(__file__).resolve().parents[2] / "node_modules"

#: file beside the page: file in node_modules
FILES = {
    "maplibre-gl.js": "maplibre-gl/dist/maplibre-gl.js",
    "maplibre-gl.css": "maplibre-gl/dist/maplibre-gl.css",
    "maplibre-gl-LICENSE.txt": "maplibre-gl/LICENSE.txt",
    "h3-js.umd.js": "h3-js/dist/h3-js.umd.js",
    "topojson-client.min.js": "topojson-client/dist/topojson-client.min.js",
    "countries-10m.json": "world-atlas/countries-10m.json",
}


def copy_assets(node_modules: Path = NODE_MODULES, vendor: Path = VENDOR) -> int:
    """Copies what is missing or older than its origin; returns how many files that were.

    Raises:
        FileNotFoundError: node_modules lacks a package.
    """
    vendor.mkdir(parents=True, exist_ok=True)
    copied = 0
    for name, origin in FILES.items():
        source, target = node_modules / origin, vendor / name
        fresh = (
            target.exists()
            and target.stat().st_mtime >= source.stat().st_mtime
            and target.stat().st_size == source.stat().st_size
        )
        if not fresh:
            shutil.copyfile(source, target)
            copied += 1
    return copied


def main() -> int:
    try:
        copied = copy_assets()
    except FileNotFoundError as error:
        print(f"map assets: {error.filename} is missing; run `npm ci`, or `make setup`", file=sys.stderr)
        return 1
    print(json.dumps({"copied": copied, "files": len(FILES), "to": str(VENDOR)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
