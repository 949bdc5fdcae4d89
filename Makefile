# make demo    see it work          make test    run the tests
# make check   lint, types, rules   make help    everything else

PYTHON ?= python3
TORCH ?=
ARGS ?=
BIN := .venv/bin
ENVS := .cache/envs

# A window system of its own for everything that opens windows, so that a desktop is left alone.
ifeq ($(shell uname -s),Linux)
DISPLAY_RUN := xvfb-run -a -s "-screen 0 1600x1000x24"
HAS_SCREEN := $(DISPLAY)$(WAYLAND_DISPLAY)
else
HAS_SCREEN := yes
endif

# One thread per test process: they run side by side. No settings of this machine's user.
PYTEST := env NAPARI_CONFIG= OMP_NUM_THREADS=1 $(DISPLAY_RUN) $(BIN)/python -m pytest
PARALLEL := -n 2 --dist loadfile
EVERYDAY := -m "not slow and not nightly"

.PHONY: help setup libraries demo test test-full check format bench bench-full screenshots docs build clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

setup: ## create .venv with everything for development (TORCH=torch: a GPU build; TORCH=cpu: back)
	@$(PYTHON) tools/setup_environment.py --torch "$(TORCH)"

libraries: # the system libraries that Qt needs, and a virtual display
	@$(PYTHON) tools/system_libraries.py

demo: setup ## the main job on generated sample images: in napari, or headless without a display
ifneq ($(strip $(HAS_SCREEN)),)
	@$(PYTHON) tools/system_libraries.py display
	$(BIN)/metaseg demo $(ARGS)
else
	$(BIN)/metaseg demo --headless $(ARGS)
endif

test: setup libraries ## all tests but the slow ones; windows with both Qt bindings
	QT_API=pyside6 PYTEST_QT_API=pyside6 $(PYTEST) -q -m "gui and not slow and not nightly" $(ARGS)
	QT_API=pyqt6 PYTEST_QT_API=pyqt6 $(PYTEST) -q $(PARALLEL) $(EVERYDAY) $(ARGS)

test-full: setup libraries ## every test, with both bindings, and with the oldest and newest dependencies
	QT_API=pyside6 PYTEST_QT_API=pyside6 $(PYTEST) -q -m gui $(ARGS)
	QT_API=pyqt6 PYTEST_QT_API=pyqt6 $(PYTEST) -q $(PARALLEL) $(ARGS)
	@$(MAKE) --no-print-directory test-readers test-lowest test-newest

.PHONY: test-in test-readers test-lowest test-newest
READERS := tests/images tests/acquisition tests/datasets tests/cli
test-readers: # opening files where bioio is installed, and where its predecessor aicsimageio is
	$(PYTHON) tools/setup_environment.py --folder $(ENVS)/bioio --tests-only --extras bioio,zarr,parquet
	@$(MAKE) --no-print-directory test-in BIN=$(ENVS)/bioio/bin ARGS="$(READERS)"
	$(PYTHON) tools/setup_environment.py --folder $(ENVS)/aicsimageio --tests-only --extras aicsimageio
	@$(MAKE) --no-print-directory test-in BIN=$(ENVS)/aicsimageio/bin ARGS="$(READERS)"

# Old releases may be told off by newer ones that they call: those warnings are not ours.
test-lowest: # the everyday tests with the oldest dependencies that pyproject.toml admits
	$(PYTHON) tools/setup_environment.py --folder $(ENVS)/lowest --tests-only --extras parquet --constraint constraints/lowest.txt
	@$(MAKE) --no-print-directory test-in BIN=$(ENVS)/lowest/bin ARGS="-W default::DeprecationWarning $(ARGS)"

test-newest: # the everyday tests with whatever is newest today
	rm -rf $(ENVS)/newest
	$(PYTHON) tools/setup_environment.py --folder $(ENVS)/newest --tests-only
	@$(MAKE) --no-print-directory test-in BIN=$(ENVS)/newest/bin

test-in: # the everyday tests in the environment named by BIN
	QT_API=pyqt6 PYTEST_QT_API=pyqt6 $(PYTEST) -q $(PARALLEL) $(EVERYDAY) $(ARGS)

check: setup ## lint, formatting, types, import rules, manifest, tracked files
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/npe2 validate napari_metaseg
	$(BIN)/python tools/check_tracked_files.py

format: setup ## let ruff repair what it can
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet

bench: setup ## measure, into bench.json (under 20 minutes)
	$(BIN)/python -m benchmarks --out bench.json $(ARGS)

bench-full: setup ## measure the long cases too
	$(BIN)/python -m benchmarks --full --out bench.json $(ARGS)

screenshots: setup libraries ## take the pictures in docs/images again
	env NAPARI_CONFIG= $(DISPLAY_RUN) $(BIN)/python tools/screenshots.py $(ARGS)

docs: setup ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

build: setup ## build the wheel and the source distribution into dist/
	$(BIN)/python -m build --outdir dist

clean: ## remove what was built, but not .venv
	rm -rf .cache dist site bench.json .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
