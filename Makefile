# One command each. Everything lives in .venv; nothing outside this folder is touched.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup fix check test bench docs site fuzz soak wheel-test lowest demo clean

setup: .venv/ready            ## make .venv and install minent with its tools

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

fix: setup                    ## format, and mend what a linter can mend
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

check: setup                  ## format, lint and types, changing nothing
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

test: setup                   ## every test, and the examples of the README
	$(BIN)/python -m pytest

bench: setup                  ## every room's benchmark against its peers
	for room in $(basename $(notdir $(wildcard benchmarks/[a-z]*.py))); do $(BIN)/python -m benchmarks.$$room || exit 1; done

docs: setup                   ## run the examples that stand in the docstrings and the README
	$(BIN)/python -m pytest src README.md

site: setup                   ## these pages as a website, in site/
	$(BIN)/python -m mkdocs build --strict

FUZZ ?= 700000
fuzz: setup                   ## long campaigns: tokenizer exports (15 times FUZZ strings), HTTP
	MINENT_FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/tokenizer/test_fuzz.py
	MINENT_FUZZ=20000 $(BIN)/python -m pytest tests/reliability

soak: setup                   ## kill -9, a hundred times and at changes to the disk; full and read-only disks, bounded files
	$(BIN)/python -m tests.reliability.faults kill --kills 100
	$(BIN)/python -m tests.reliability.faults save --every 7
	$(BIN)/python -m tests.reliability.faults disk
	$(BIN)/python -m tests.reliability.faults files

# The tests that need nothing but minent, its `serve` extra and the test tools themselves.
ALONE := tests/test_artifacts.py tests/test_contracts.py tests/test_errors.py tests/test_runtime.py tests/corpus \
	tests/capsules tests/samples tests/report tests/vectors tests/tokenizer/test_automaton.py tests/tokenizer/test_model.py
TOOLS := pytest hypothesis mpmath httpx httpx2

wheel-test: setup             ## build wheel and sdist; in an empty environment the wheel passes the tests
	rm -rf dist build/wheel && $(BIN)/python -m build --no-isolation
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/pip install --quiet --constraint constraints.txt "$$(ls dist/*.whl)[serve]" $(TOOLS)
	build/wheel/bin/python -m pytest -q -p no:cacheprovider $(ALONE)

lowest: setup                 ## the lowest versions that pyproject.toml allows pass the tests
	rm -rf build/lowest && $(PYTHON) -m venv build/lowest && build/lowest/bin/pip install --quiet uv
	build/lowest/bin/uv pip install --quiet --python build/lowest/bin/python --resolution lowest-direct '.[serve]'
	build/lowest/bin/uv pip install --quiet --python build/lowest/bin/python $(TOOLS)
	build/lowest/bin/python -m pytest -q -p no:cacheprovider $(ALONE)

demo: setup                   ## the main job on the sample that comes with minent
	$(BIN)/minent demo --output demo --overwrite

clean:                        ## remove what the other commands made
	rm -rf .venv demo site dist build .pytest_cache .ruff_cache .mypy_cache .hypothesis
