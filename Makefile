# The lab's few commands; `make help` lists them.

VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help lab setup test test-all test-vm lint bench conformance conformance-hub lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

lab: setup ## prepare what is missing, then open JupyterLab with the lab in it
	@$(BIN)/lab start

setup: $(VENV)/.installed ## prepare everything that the lab needs, without starting it
	@$(BIN)/lab setup

test: $(VENV)/.installed-dev ## install what the tests need, then lint and run all tests
	@bash tests/prepare
	@$(MAKE) --no-print-directory lint
	@bash tests/run

test-all: $(VENV)/.installed-dev ## the tests, and those that take long
	@bash tests/prepare
	@$(MAKE) --no-print-directory lint
	@bash tests/run --long

test-vm: $(VENV)/.installed-dev ## the tests of the engine, against one in the microVM (part of test-all)
	@bash tests/prepare
	@bash tests/run --in-vm

lint: $(VENV)/.installed-dev ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.installed-dev ## measure beside a Docker Engine, if this machine has one
	@$(BIN)/python -m bench

conformance: $(VENV)/.installed-dev ## run docker-py's own tests against the engine (fetches them; not part of test)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[conformance]'
	@$(BIN)/python -m tests.conformance --save $(TESTS)
	@$(BIN)/python -m tests.conformance.report

conformance-hub: $(VENV)/.installed-dev ## run the OCI distribution tests against the Hub: SUITE=their program (not part of test)
	@$(BIN)/python -m tests.conformance.distribution $(SUITE)

lock: ## choose the container image's Python packages anew
	@bash binder/lock

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "The lab needs Python 3.11 or later; name one with: make PYTHON=python3.11 lab"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "On Debian, venv is a package of its own: apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	@echo "Installing the lab into $(VENV) (a minute or two the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed pyproject.toml
	@echo "Installing the tools of the tests ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
