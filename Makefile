# hexhaul: `make help` lists what there is.
PYTHON ?= python3
VENV := .venv/bin
# Most tests wait for the air's real time, so more files than cores run at once, each in order in one process; the
# browser's don't wait, and go alone.
SIDE_BY_SIDE := -n 3 --dist loadfile

.PHONY: help run setup setup-test test lint types unit vectors protos bench lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: setup  ## set up, then run a whole network on this machine (ARGS="--hotspots 5" for options)
	@exec $(VENV)/hexhaul up $(ARGS)

setup:  ## virtual environment, npm packages, the boards' interpreter, map assets (quick when nothing changed)
	@$(PYTHON) .ci/setup.py run

setup-test:
	@$(PYTHON) .ci/setup.py test

test: setup-test lint types  ## everything CI checks: lint, types, all tests
	@failed=0; \
	$(VENV)/python -m pytest tests/browser || failed=1; \
	$(VENV)/python -m pytest $(SIDE_BY_SIDE) --ignore tests/browser || failed=1; \
	exit $$failed

lint:  ## ruff: style and formatting
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .

types:  ## mypy, strict
	@$(VENV)/mypy

unit:  ## the quick tests only
	@$(VENV)/python -m pytest $(SIDE_BY_SIDE) tests/unit

vectors:  ## known answers: make vectors FOLDER=path (default: the shared ones)
	@$(VENV)/python -m tests.vectors $(or $(FOLDER),$(or $(HEXHAUL_SHARED),../shared)/vectors/lorawan)

protos:  ## generate the gRPC code from chain/wire/*.proto
	@$(VENV)/python -m grpc_tools.protoc -I. --python_out=. --grpc_python_out=. --pyi_out=. chain/wire/*.proto

bench:  ## measurements against named peers (tests/bench), ratios
	@for bench in tests/bench/[a-z]*.py; do echo "== $$bench"; $(VENV)/python -m $$(echo $${bench%.py} | tr / .); done

lock:  ## pin all packages anew (needs uv: .venv/bin/pip install uv)
	@$(VENV)/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 pyproject.toml -o requirements.txt
	@$(VENV)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --extra test pyproject.toml -c requirements.txt -o requirements-test.txt
	@npm install --package-lock-only

clean:  ## forget the stored demo network (keys, blocks, readings) in .hexhaul
	@rm -rf .hexhaul
