# What people run here. The environment in .venv is made when it is first needed, and again when pyproject.toml changes.

PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$each" && break; done)
BIN := .venv/bin
READY := .venv/ready

.PHONY: run test test-all check format reference bench replays validate validate-real screenshots clean

run: $(READY)  ## simulate the first scenario
	@$(BIN)/multillm run quickstart

test: $(READY)  ## all tests but the slow ones
	@$(BIN)/python -m pytest -n auto -m "not slow"

test-all: $(READY)  ## all tests
	@$(BIN)/python -m pytest -n auto

check: $(READY)  ## format, lint, types, import contracts
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

format: $(READY)  ## put the code in form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

reference: $(READY)  ## the JSON Schema of scenarios and docs/reference.md, from the classes that read files
	@$(BIN)/multillm schema > scenario.schema.new && mv scenario.schema.new simulator/spec/scenario.schema.json
	@$(BIN)/multillm schema --markdown > reference.new && mv reference.new docs/reference.md

bench: $(READY)  ## measure speed and memory; writes bench.json
	@$(BIN)/python tests/bench/bench.py

replays: $(READY)  ## replay published figures (MULTILLM_DATA); writes the tables of scenarios/replays/README.md
	@$(BIN)/multillm replay --into scenarios/replays/README.md

validate: $(READY)  ## score the models against measured tables (MULTILLM_DATA); writes docs/validation.md and validation/
	@$(BIN)/multillm profile score --out validation --real docs/validation-real.json
	@cp validation/validation.md docs/validation.md

validate-real: $(READY)  ## simulate beside a real llama.cpp server; writes docs/validation-real.json
	@$(BIN)/python benchmarks/real_llamacpp.py

screenshots: $(READY)  ## show what reports look like (Chromium); writes docs/screenshots/
	@PYTHONPATH=tests $(BIN)/python -m browser.screenshots docs/screenshots

clean:  ## remove the environment, caches and results
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist build runs sweeps bench.json validation
	find . -name __pycache__ -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "installing into .venv ..." >&2
	@"$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
