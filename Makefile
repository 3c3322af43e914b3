# One command each. Everything lives in .venv; nothing outside this folder is touched.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup fix check test bench docs site demo clean

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
	$(BIN)/python -m mkdocs build --strict --quiet

demo: setup                   ## the main job on the sample that comes with minent
	$(BIN)/minent demo --output demo --overwrite

clean:                        ## remove what the other commands made
	rm -rf .venv demo site dist build .pytest_cache .ruff_cache .mypy_cache .hypothesis
