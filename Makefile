# Everything here needs only Python 3.11 or newer, make, and pip (which comes with Python).
# Each target says what it does and about how long it takes. Set-up is done once and repeated only when
# pyproject.toml or constraints.txt change.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt
# Test processes; each keeps to one thread.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint types contracts matrix calibrate docs bench bench-overhead bench-accuracy bench-detection clean

help:
	@echo "make demo       set up, then take the bundled digits from raw data to a tested model  (about 5 min the first time)"
	@echo "make test       set up, then run the tests, the slow ones left out                    (about 12 min the first time)"
	@echo "make test-all   every test                                                            (about 50 min)"
	@echo "make lint       ruff: style and formatting                                            (seconds)"
	@echo "make types      mypy --strict                                                         (about 1 min)"
	@echo "make contracts  which part may import which                                           (seconds)"
	@echo "make matrix     all checks before every fault and healthy bench; needed after a change of checks (about 7 min)"
	@echo "make calibrate  how far each limit of each check is from being wrong; fills docs/calibration.md (about 30 min)"
	@echo "make docs       write the generated pages below docs/ again                           (seconds)"
	@echo "make bench      cost per training step beside other libraries, and start-up time      (about 5 min)"
	@echo "make bench-overhead  cost of watching a training, beside other monitors               (over an hour)"
	@echo "make bench-accuracy  the whole recipe on eight splits of the digits                   (about 30 min)"
	@echo "make bench-detection  faulty and healthy programs under every detector                (about 6 h; goes on where it was)"
	@echo "make clean      remove the virtual environment and caches; runs/ is kept"

$(BIN)/python:
	@echo "==> Making a virtual environment in $(VENV) (a few seconds)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "trainwright needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# One stamp for each set of extras: make compares its age with the two files that decide what is installed.
$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "==> Installing trainwright with [$*] and the tested versions of its dependencies (1 to 4 minutes, once)"
	@$(PIP) --editable '.[$*]'
	@touch $@

# One of the other tools asks for torchvision, which it does not need here and whose builds for GPUs break the imports of
# Lightning and transformers beside a torch without one.
$(VENV)/.installed-rivals: pyproject.toml constraints.txt | $(BIN)/python
	@echo "==> Installing trainwright with [rivals] and the tested versions of its dependencies (about 5 minutes, once)"
	@$(PIP) --editable '.[rivals]'
	@$(BIN)/python -m pip uninstall --yes --quiet torchvision
	@touch $@

demo: $(VENV)/.installed-recipe
	@echo "==> Taking 'digits' from raw data to a tested model (about 3 minutes)"
	@$(BIN)/trainwright run digits

test: $(VENV)/.installed-dev
	@echo "==> Running the tests, the slow ones left out (about 10 minutes on two cores)"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not slow"

test-all: $(VENV)/.installed-dev
	@echo "==> Running every test (about 50 minutes on two cores)"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

lint: $(VENV)/.installed-dev
	@echo "==> Style and formatting (seconds)"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	@echo "==> Types (about a minute the first time)"
	@$(BIN)/mypy

contracts: $(VENV)/.installed-dev
	@echo "==> Which part may import which (seconds)"
	@$(BIN)/lint-imports

matrix: $(VENV)/.installed-dev
	@echo "==> Judging every fault and every healthy bench with all checks; fills docs/matrix.json (about 7 minutes on one core)"
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.matrix

calibrate: $(VENV)/.installed-dev
	@echo "==> Moving every limit until a healthy bench alarms or a fault is missed; fills docs/calibration.md (about 30 minutes)"
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.calibrate --write
	@$(BIN)/python scripts/generate_docs.py

docs: $(VENV)/.installed-dev
	@echo "==> Writing docs/matrix.md and the pages below docs/checks/ (seconds)"
	@$(BIN)/python scripts/generate_docs.py

bench: $(VENV)/.installed-bench
	@echo "==> Cost per training step and start-up time; fills docs/benchmarks.md (about 5 minutes; leave the machine alone)"
	@$(BIN)/python -m bench.loop
	@$(BIN)/python -m bench.startup

bench-overhead: $(VENV)/.installed-rivals
	@echo "==> Cost of watching beside other monitors; fills docs/benchmarks.md (over an hour; leave the machine alone)"
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.overhead

bench-accuracy: $(VENV)/.installed-recipe
	@echo "==> The whole recipe on eight splits of the digits; fills docs/benchmarks.md (about 15 minutes)"
	@$(BIN)/python -m bench.accuracy

bench-detection: $(VENV)/.installed-rivals
	@echo "==> Programs × seeds × detectors; fills docs/benchmarks.md (about 6 hours; results are kept in runs/detection)"
	@$(BIN)/python -m bench.detection.run --results runs/detection --workers $(WORKERS) --write

clean:
	@echo "==> Removing $(VENV) and caches (runs/ is kept)"
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache build dist
