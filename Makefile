# Everything runs in .venv, which the first target that needs it makes: only Python 3.11+ with its venv module is needed.
#
#   make serve ARGS="--headless --port 3790"      make pytest ARGS="-k framing"

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# The first interpreter that is new enough, unless PYTHON names one.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Most tests wait for sockets and timers more than they compute: two workers for each processor keep it busy.
WORKERS ?= $(shell echo $$(( 2 * $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) )))
# A worker that has no more to do takes half of what is left to another one.
PARALLEL = $(BIN)/pytest -n $(WORKERS) --dist worksteal
ALONE = $(BIN)/pytest
# The files with tests that need the machine for themselves: nothing else has to be read for those.
SERIAL = $(shell grep -rl --include='test_*.py' 'mark\.serial' tests | sort)

# Stamps: what was installed, from which pyproject.toml.
RUNTIME := $(VENV)/.stamp-runtime
DEV := $(VENV)/.stamp-dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve test test-quick lint types imports pytest slow all-tests collect sweep sweep-stress format diagrams screenshots bench clean

help: ## Show this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1  \2/p' $(MAKEFILE_LIST)

serve: $(RUNTIME) ## Open the application with a server on port 3780
	@$(BIN)/activity-tui serve $(ARGS)

# What keeps one processor busy goes two by two: pytest reads the tests once, and its workers find what it has made of them.
test: $(DEV) ## Everything that must hold before a commit, what takes long included
	$(MAKE) --no-print-directory -j 2 types lint imports collect
	$(MAKE) --no-print-directory all-tests
	$(if $(ARGS),,$(MAKE) --no-print-directory sweep)

test-quick: $(DEV) ## The tests that neither take long nor need the machine for themselves
	$(PARALLEL) -m "not slow and not serial" $(ARGS)

lint: $(DEV) ## Style, likely bugs, and names that nobody uses
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/vulture

types: $(DEV) ## Strict types
	$(BIN)/mypy

imports: $(DEV) ## Which part may import which
	$(BIN)/lint-imports --no-logo

# Exit status 5: nothing was selected, which ARGS may well want.
pytest: $(DEV) ## The tests that do not take long, those that need the machine for themselves last
	$(PARALLEL) -m "not serial and not slow" $(ARGS) || [ $$? -eq 5 ]
	$(ALONE) -m "serial and not slow" $(or $(ARGS),$(SERIAL)) || [ $$? -eq 5 ]

slow: $(DEV) ## The tests that take long, and simulated histories that nobody has seen
	$(PARALLEL) -m "slow and not serial" $(ARGS) || [ $$? -eq 5 ]
	$(ALONE) -m "slow and serial" $(or $(ARGS),$(SERIAL)) || [ $$? -eq 5 ]
	$(if $(ARGS),,$(MAKE) --no-print-directory sweep)

# Those that wait long and those that compute go at once.
all-tests: $(DEV)
	$(PARALLEL) -m "not serial" $(ARGS) || [ $$? -eq 5 ]
	$(ALONE) -m serial $(or $(ARGS),$(SERIAL)) || [ $$? -eq 5 ]

collect: $(DEV)
	@$(BIN)/pytest --collect-only -q > /dev/null || $(BIN)/pytest --collect-only -q

# As many seeds as are through in a minute and a half on two processors: all that must hold is to take twelve. Each commit has
# its own, so none is learned by heart.
SEEDS ?= 400
FIRST ?= commit
sweep: $(DEV) ## Simulated histories that nobody has seen, others at each commit; SEEDS=N for more, FIRST=N for certain ones
	$(BIN)/python -m core.simulation sweep --first $(FIRST) --seeds $(SEEDS)

sweep-stress: $(DEV) ## Histories of many faults around base servers and old data: not all of them hold yet
	$(BIN)/python -m core.simulation sweep --mix old-data --first $(FIRST) --seeds $$(( $(SEEDS) / 10 + 1 ))
	$(BIN)/python -m core.simulation sweep --mix base-servers --first $(FIRST) --seeds $$(( $(SEEDS) / 10 + 1 ))

format: $(DEV) ## Let the formatter and the safe fixes at the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

diagrams: $(DEV) ## Draw the state machines and rooms of the documents from the tables, contracts and docstrings
	$(BIN)/python -m tests.architecture.diagrams

screenshots: $(DEV) ## Make screenshots/ from the real application with a little network behind it
	$(BIN)/python -m screenshots.generate $(ARGS)

bench: $(DEV) ## Measure, and print the tables
	$(BIN)/python -m tests.benchmarks $(ARGS)

clean: ## Remove everything that was made, .venv included
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then echo "activity-tui needs Python 3.11 or newer; make PYTHON=/path/to/python3 names one" >&2; exit 1; fi
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUNTIME): pyproject.toml | $(BIN)/python
	@echo "installing activity-tui into $(VENV) …" >&2
	@$(PIP) install --editable .
	@touch $@

$(DEV): pyproject.toml | $(BIN)/python
	@echo "installing activity-tui and its development tools into $(VENV) …" >&2
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(RUNTIME)
