# Every target does its own set-up, on a machine with Python 3.11 or newer and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Set-up is done in an environment of our own: what somebody configured for their server stays out of it.
CLEAN := env -u VIRTUAL_ENV -u PYTHONPATH -u PYTHONHOME
# The tests start hundreds of processes: without compiled files each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test long lint format docs bench machines clean

demo: $(READY)          ## a live call is moved, on a simulated Plivo and a simulated Vobiz
	$(BIN)/callflows demo

test: $(READY)          ## the whole suite
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

long: $(READY)          ## trials of many seconds, and the shipped flows at every reading of what the platforms leave open
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m long --phone-every-switch $(ARGS)

lint: $(READY)          ## style, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)          ## pages that are made from the code: flows and their pictures, context, rules, settings
	$(BIN)/python -m tests.pages

bench: $(READY)         ## speed, as ratios within one run
	$(BIN)/python -m bench $(ARGS)

machines: $(READY)      ## two servers on one PostgreSQL lose it, and their processes, for three minutes (docs/machines.md)
	$(BIN)/python -m tests.machines $(ARGS)

$(READY): pyproject.toml constraints.txt
	$(CLEAN) $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "callflows needs Python 3.11 or newer")'
	$(CLEAN) $(PYTHON) -m venv $(VENV)
	$(CLEAN) $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist tests/strangers/node_modules*
