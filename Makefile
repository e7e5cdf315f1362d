PYTHON ?= python3
VENV ?= .venv
DIST ?= dist
BIN := $(VENV)/bin
# The published size is hidden=300; a third of it learns the sample corpus in a minute.
DEMO := --var hidden=100 --var lr=0.002 --var word_dropout=0.1 --var epochs=30

.PHONY: help venv demo test test-slow lint components docs dist

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

venv: $(VENV)/installed  ## make an environment with everything that tests and linters need, in VENV (.venv)

# torch goes first and exactly pinned: pip may otherwise choose a build several times as large.
$(VENV)/installed: setup.cfg setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

demo: venv  ## train on the sample corpus for about a minute and predict
	$(BIN)/relx train experiments/hmt_nyt10.jsonnet $(DEMO) --force
	$(BIN)/relx predict runs/hmt_nyt10/model.tar.gz fixtures/demo.txt --sentences --triples

# Tests start many processes, which need not compile relx each.
test: venv  ## run the tests that take less than a few seconds each
	$(BIN)/python -m compileall -q relx
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal -m 'not slow'

test-slow: venv  ## run the others: they learn by heart, search, and kill processes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal -m slow

lint: venv  ## run ruff, mypy and codespell
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet relx tests benchmarks
	$(BIN)/mypy
	$(BIN)/codespell relx docs experiments benchmarks .github *.md

components: venv  ## write docs/components.md from the source
	$(BIN)/relx components --markdown > docs/components.md

docs: venv  ## build the site in site/, without network; a broken link or an unlisted page is an error
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

dist: venv  ## build the wheel and the source distribution in DIST (dist), and check them
	$(BIN)/python -m build --no-isolation --outdir $(DIST) .
	$(BIN)/twine check --strict $(DIST)/*
