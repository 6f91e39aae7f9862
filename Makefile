# Nothing but Python (3.11 or later) and pip is needed. Every target makes its own environment first.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/ready
WORKERS ?= auto
MINUTES ?= 30

.DEFAULT_GOAL := help
.PHONY: help setup check test soak demo bench fmt clean

help:
	@echo "make setup   the environment, in .venv"
	@echo "make demo    one order, run in both modes, and undone in both"
	@echo "make test    the tests"
	@echo "make check   format, lint, types, floors, tests"
	@echo "make bench   the figures"
	@echo "make soak    the long proofs, MINUTES=30; goes on where it was"
	@echo "make fmt     lay out the Python files"
	@echo "make clean   away with what was made"

setup: $(READY)

# The mark is older than pyproject.toml when the environment no longer fits it.
$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "flowlang needs Python 3.11 or later; set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	$(BIN)/python -m compileall -q flowlang  # pip compiles what it copies only, and the first `check` should be quick too
	@touch $@

test: setup
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict flowlang
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

demo: setup
	@$(BIN)/python specs/examples/demo.py

soak: setup
	@$(BIN)/python -m bench.soak --minutes $(MINUTES)

bench: setup
	@$(BIN)/python -m bench

fmt: setup
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
