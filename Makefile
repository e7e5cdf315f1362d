PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The published size is hidden=300; a third of it learns the sample corpus in a minute.
DEMO := --var hidden=100 --var lr=0.002 --var word_dropout=0.1 --var epochs=30

.PHONY: venv demo test lint docs

venv: $(VENV)/installed

# torch goes first and exactly pinned: pip may otherwise choose a build several times as large.
$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

demo: venv
	$(BIN)/relx train experiments/hmt_nyt10.jsonnet $(DEMO) --force
	$(BIN)/relx predict runs/hmt_nyt10/model.tar.gz fixtures/demo.txt --text --triples

test: venv
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet relx tests benchmarks
	$(BIN)/mypy

docs: venv
	$(BIN)/relx components --markdown > docs/components.md
