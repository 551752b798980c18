# Everything here sets itself up: all it takes is Python 3.11 or newer, make and the package index.
#
#   make demo    see the whole path work on this machine
#   make admin   see the admin on this machine, with consumers and live traffic
#   make test    lint, type checks and all tests
#   make bench   measure everything, side by side with the peers
#   make wheel   build the package with its hot path compiled
#
# A Python of your choice: make demo PYTHON=/path/to/python3.12 (then `make clean` first, if it ran before).

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --require-virtualenv
COMPILED_PYTHON := ../$(BIN)/python
# What has no part in translating is tested once.
COMPILED_TESTS := \
	base/test_json.py events properties/test_translation.py reading test_batch.py test_golden.py \
	translators/test_caliper.py translators/test_erb.py translators/test_ids.py \
	translators/test_shortcuts.py translators/test_writing.py translators/test_xapi.py
OLDEST_DJANGO := .django-4.2
# Without compiled files each of a thousand processes would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo admin test test-compiled lint format bench bench-quick guard wheel clean

help:
	@echo 'make demo     see the whole path work on this machine'
	@echo 'make admin    see the admin on this machine, with consumers and live traffic; Ctrl-C ends it'
	@echo 'make test     lint, type checks and all tests'
	@echo 'make lint     lint and type checks only'
	@echo 'make test-compiled   the tests of translation, with the hot path compiled'
	@echo 'make wheel    build a wheel with the hot path compiled, into dist/'
	@echo 'make format   format the code'
	@echo 'make bench    measure everything beside the peers, half an hour; bench-quick: a few minutes'
	@echo 'make guard    see whether translating has come to cost more'
	@echo 'make clean    remove what the other targets made'

demo: $(VENV)/.installed
	@$(BIN)/eventkit demo

admin: $(VENV)/.admin-installed
	@$(BIN)/python examples/admin/run.py --port $(or $(PORT),8000)

# Most tests wait for something, so more of them run side by side than there are processors.
PYTEST := python -m pytest -n $(or $(JOBS),4) --dist loadgroup --no-loadscope-reorder

# Tests are collected beside the linters first, for each process of pytest to find them compiled.
test: $(VENV)/.test-installed
	@$(MAKE) --no-print-directory test-compiled >.test-compiled.log 2>&1 & compiled=$$!; \
	$(BIN)/python tests/system_packages.py & packages=$$!; \
	$(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1 & collected=$$!; \
	trap 'kill $$compiled $$packages $$collected' INT TERM; \
	if ! $(MAKE) --no-print-directory lint $(VENV)/.lrs-installed $(OLDEST_DJANGO)/.installed; then \
	    kill $$compiled $$packages $$collected; exit 1; \
	fi; \
	wait $$packages $$collected; \
	$(MAKE) --no-print-directory $(VENV)/.validator-installed; \
	$(BIN)/$(PYTEST); plain=$$?; \
	wait $$compiled; compiled=$$?; \
	echo 'And with the hot path compiled:'; \
	if [ $$compiled -eq 0 ]; then grep passed .test-compiled.log; else cat .test-compiled.log; fi; \
	exit $$((plain || compiled))

# The same tests once more, of what events pass through, where the compiled modules do it; and what
# becomes of some 100,000 events, byte for byte. They are compiled in a copy, for beside the sources
# they would hide them; and with few optimisations of the C compiler, which takes a quarter less time.
test-compiled: .compiled/.built
	cd .compiled && $(COMPILED_PYTHON) -c 'import eventkit.reading.source as s; assert s.__file__.endswith(".so")'
	cd .compiled && EVENTKIT_TEST_DATA="$${EVENTKIT_TEST_DATA:-../../shared/data}" $(COMPILED_PYTHON) -m pytest -n 2 $(addprefix tests/,$(COMPILED_TESTS))
	$(BIN)/python -m tests.outcomes >.compiled/plain.txt
	cd .compiled && $(COMPILED_PYTHON) -m tests.outcomes >compiled.txt
	cmp .compiled/plain.txt .compiled/compiled.txt

.compiled/.built: $(VENV)/.test-installed $(shell find eventkit tests -name '*.py' -o -name '*.json') setup.py
	@echo 'Compiling the hot path; this takes a minute'
	@rm -rf .compiled && mkdir .compiled
	@cp -R benchmarks docs eventkit examples tests *.cfg *.md *.py *.toml LICENSE Makefile .compiled/
	@cd .compiled && EVENTKIT_COMPILE=1 MYPYC_OPT_LEVEL=1 $(COMPILED_PYTHON) setup.py --quiet build_ext --inplace
	@rm -rf .compiled/build
	@touch $@

wheel: $(VENV)/.created
	EVENTKIT_COMPILE=1 $(PIP) wheel --no-deps --wheel-dir dist .

lint: $(VENV)/.test-installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/mypy

format: $(VENV)/.test-installed
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# Everything measured beside the peers, which are installed first. Only a full run is worth being
# written into the documentation.
bench: .bench-installed
	@.venv-bench/bin/python -m benchmarks.run --size full
	@.venv-bench/bin/python -m benchmarks.report benchmarks/results/full.json
	@.venv-bench/bin/python -m benchmarks.targets benchmarks/results/full.json

bench-quick: .bench-installed
	@.venv-bench/bin/python -m benchmarks.run --size quick
	@.venv-bench/bin/python -m benchmarks.targets --show benchmarks/results/quick.json

.PHONY: .bench-installed
.bench-installed: $(VENV)/.created
	@$(BIN)/python -m benchmarks.install

guard: $(VENV)/.installed
	@$(BIN)/python benchmarks/guard.py

clean:
	rm -rf $(VENV) $(OLDEST_DJANGO) .node .compiled .test-compiled.log .venv-lrs .venv-bench .venv-bench-compiled .venv-bench-erb .venv-bench-ralph .bench build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first Python that is new enough, unless PYTHON says which.
$(VENV)/.created:
	@for python in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python); do \
	    if "$$python" -c '$(NEW_ENOUGH)' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo 'eventkit needs Python 3.11 or newer, and $(or $(PYTHON),python3) is not.' >&2; \
	    echo 'Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)' >&2; \
	    exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created setup.cfg pyproject.toml
	@echo 'Installing eventkit and its dependencies; this takes a minute, the first time only'
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.admin-installed: $(VENV)/.created setup.cfg pyproject.toml
	@echo 'Installing eventkit and what its admin needs; this takes a minute, the first time only'
	@$(PIP) install --editable '.[django,yaml]'
	@touch $@ $(VENV)/.installed

$(VENV)/.test-installed: $(VENV)/.created setup.cfg pyproject.toml
	@echo 'Installing eventkit, its extras and the tools for tests; this takes a minute or two, the first time only'
	@$(PIP) install --editable '.[test,dev]'
	@touch $@ $(VENV)/.installed $(VENV)/.admin-installed

# A real LRS for the tests marked "lrs", in an environment of its own: its dependencies would clash
# with ours. Those tests skip without it, and the next run tries again.
$(VENV)/.lrs-installed: $(VENV)/.created tests/lrs/install.py
	@echo 'Installing Ralph, the LRS of the tests; this takes a minute, the first time only'
	@if $(BIN)/python tests/lrs/install.py; then touch $@; else \
	    echo 'Without Ralph the tests marked "lrs" are skipped; everything else runs.' >&2; \
	fi

# Learning Locker's validator of statements, which is written for node. It waits for node, which may
# be among the packages of the system.
$(VENV)/.validator-installed: $(VENV)/.created tests/lrs/install_validator.py
	@if $(BIN)/python tests/lrs/install_validator.py; then touch $@; else \
	    echo 'Without it the tests that ask it are skipped; everything else runs.' >&2; \
	fi

# The oldest Django that the admin is for, beside the one of the environment.
$(OLDEST_DJANGO)/.installed: $(VENV)/.created
	@rm -rf $(OLDEST_DJANGO)
	@$(PIP) install --no-deps --target $(OLDEST_DJANGO) 'Django>=$(OLDEST_DJANGO:.django-%=%),<$(OLDEST_DJANGO:.django-%=%).999'
	@touch $@
