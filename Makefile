# make setup   the runtime in .venv              make test    everything checked, in .venv-test
# make run     the monitor (ARGS="--camera 0")   make lint    only ruff and mypy
# make system  tools some tests need (Chromium, mosquitto, ffmpeg, strace, Xvfb, RTSP server)
# make clean   removes what was built            make distclean   also both environments
#
# make test PYTEST_ARGS="-k kiosk" runs some. Two processes share the tests, file by file: PYTEST_ARGS="-n 0" runs them
# one after another (as a debugger wants it), PYTEST_ARGS="-n 3" is faster where nothing else runs.
#
# PYTHON=python3.12 chooses another Python; it gets environments of its own.

ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
SUFFIX :=
else
SUFFIX := -$(notdir $(PYTHON))
endif

VENV := .venv$(SUFFIX)
TEST_VENV := .venv-test$(SUFFIX)
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
TEST_EXTRAS ?= train,gpu,cluster,dev
ARGS ?=
PYTEST_ARGS ?=
PINNED := pyproject.toml constraints/constraints.txt

.PHONY: setup run test lint system clean distclean python
.DELETE_ON_ERROR:

setup: $(VENV)/.ready

run: setup
	$(VENV)/$(BIN)/monitor run $(ARGS)

test: lint
	$(TEST_VENV)/$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

lint: $(TEST_VENV)/.ready
	$(TEST_VENV)/$(BIN)/ruff check .
	$(TEST_VENV)/$(BIN)/ruff format --check .
	$(TEST_VENV)/$(BIN)/python -m mypy

system: | python
	$(PYTHON) tools/system_check.py tests

python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer found; name one: make PYTHON=/path/to/python3.11"; exit 1; }

# $(call environment,FOLDER,EXTRAS): pip's index and cache are the user's own.
define environment
	$(PYTHON) tools/system_check.py runtime
	$(PYTHON) -m venv $(1)
	$(1)/$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints/constraints.txt setuptools wheel
	$(1)/$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints/constraints.txt \
		--no-build-isolation -e '.$(2)'
	@touch $(1)/.ready
endef

$(VENV)/.ready: $(PINNED) | python
	$(call environment,$(VENV),)

$(TEST_VENV)/.ready: $(PINNED) | python
	$(call environment,$(TEST_VENV),[$(TEST_EXTRAS)])

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find monitor engines train configs tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv .venv-python* .venv-test*
