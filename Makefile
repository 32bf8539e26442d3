# Two commands do everything on a machine with Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/lock.txt
# Tests mostly wait for processes: more of them at once than there are cores.
TEST_WORKERS ?= 3
READY := $(VENV)/.ready
UV := $(BIN)/uv pip
SYNC := --quiet --python $(BIN)/python --require-hashes $(LOCK)

.PHONY: all setup demo test lint types imports unit bench lock clean

all: test

setup: $(READY)

# The bootstrap is locked by hash too; uv then installs the rest from the lock, in seconds. It brings certificates of its
# own; where a company's proxy re-signs what comes in, only the system knows the right ones.
$(READY): $(LOCK) requirements/bootstrap.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "cc-otel needs $(PYTHON); name another with: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV) (about 400 MB, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(UV) sync $(SYNC) || { echo "Once more, with the system's certificates"; $(UV) sync --system-certs $(SYNC); }
	@$(UV) install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)
	@$(BIN)/cc-otel demo

test: lint types imports unit

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

unit: $(READY)
	$(BIN)/pytest -n $(TEST_WORKERS) --dist worksteal -m "not stack"

bench: $(READY)
	$(BIN)/python -m benchmarks

# Written again from pyproject.toml: versions and hashes, no addresses.
lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --all-extras --group dev pyproject.toml -o $(LOCK)

clean:
	rm -rf $(VENV) build dist

include stack/stack.mk
