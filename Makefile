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

# Stamps: what was installed, from which pyproject.toml. Users get what pyproject.toml allows; whoever tests gets what is
# locked, each file by its hash.
RUNTIME := $(VENV)/.stamp-runtime
DEV := $(VENV)/.stamp-dev
LOCKED := requirements/locked.txt
# The same with the oldest version of each direct dependency, in an environment of its own.
LOWEST := requirements/lowest.txt
LOWEST_VENV := .venv-lowest
LOWEST_DEV := $(LOWEST_VENV)/.stamp-dev
# What of the tests meets each direct dependency.
LOWEST_TESTS := tests/wire/test_codec.py tests/engine/test_passwords.py tests/store/test_keys_of_nodes.py \
	tests/engine/test_tls_transport.py tests/ssh/test_algorithms.py tests/ssh/test_host_certificates.py \
	tests/cli/test_config.py tests/tui/test_welcome.py tests/tui/test_feed_view.py tests/tui/test_snapshots.py

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve test test-quick lint types imports pytest slow all-tests collect sweep sweep-stress lowest lock format \
	diagrams packaging screenshots bench clean

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

lowest: $(LOWEST_DEV) ## Some tests with the oldest versions of what pyproject.toml allows; beside `make test`, and part of .ci/run
	$(LOWEST_VENV)/bin/pytest -n $(WORKERS) --dist worksteal -m "not serial and not slow" $(or $(ARGS),$(LOWEST_TESTS))

# What is locked stays as long as it is allowed: ARGS=--upgrade takes the newest.
COMPILE = $(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
	--no-annotate --custom-compile-command "make lock" pyproject.toml
lock: | $(BIN)/python ## Lock what tests and CI install, each file by its hash; ARGS=--upgrade for the newest
	@$(BIN)/python -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip --disable-pip-version-check --quiet install 'uv>=0.9'
	$(COMPILE) --output-file $(LOCKED) $(ARGS)
	$(COMPILE) --output-file $(LOWEST) --resolution lowest-direct $(ARGS)

format: $(DEV) ## Let the formatter and the safe fixes at the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

diagrams: $(DEV) ## Draw the state machines and rooms of the documents from the tables, contracts and docstrings
	$(BIN)/python -m tests.architecture.diagrams

packaging: $(DEV) ## Make the man page and the shells' completions from the command line's grammar
	$(BIN)/python -m tests.architecture.packaging_files

screenshots: $(DEV) ## Make screenshots/ from the real application with a little network behind it
	$(BIN)/python -m screenshots.generate $(ARGS)

bench: $(DEV) ## Measure, and print the tables
	$(BIN)/python -m tests.benchmarks $(ARGS)

clean: ## Remove everything that was made, .venv included
	rm -rf $(VENV) $(LOWEST_VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then echo "activity-tui needs Python 3.11 or newer; make PYTHON=/path/to/python3 names one" >&2; exit 1; fi
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUNTIME): pyproject.toml | $(BIN)/python
	@echo "installing activity-tui into $(VENV) …" >&2
	@$(PIP) install --editable .
	@touch $@

# Without isolation: what builds the package is locked, too. Compiled is what is imported, then; most of it never is.
$(DEV): pyproject.toml $(LOCKED) | $(BIN)/python
	@echo "installing activity-tui and its development tools into $(VENV) …" >&2
	@$(PIP) install --no-compile --require-hashes --requirement $(LOCKED)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(RUNTIME)

$(LOWEST_DEV): pyproject.toml $(LOWEST)
	@echo "installing the oldest versions that activity-tui allows into $(LOWEST_VENV) …" >&2
	@test -x $(LOWEST_VENV)/bin/python || $(PYTHON) -m venv $(LOWEST_VENV)
	@$(LOWEST_VENV)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement $(LOWEST)
	@$(LOWEST_VENV)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@
