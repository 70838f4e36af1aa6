# make demo, make test, make bench. Everything is installed into .venv; PYTHON names another Python.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-engines quick rule lint format docs bench corpus truth oracle fuzz mutants engines engines-stop clean

help:
	@echo "make demo    lint, measure and prove the examples"
	@echo "make test    all checks and tests; the container tests need Docker (see CONTRIBUTING.md)"
	@echo "make test T=FILE   the tests of a file alone"
	@echo "make test-engines   all container tests on all four engines"
	@echo "make quick   the tests that need no engine and start few programs"
	@echo "make rule RULE=CODE   the examples of a rule"
	@echo "make lint    ruff, mypy and pyright alone"
	@echo "make format  format the code"
	@echo "make docs    write what is generated: rules/index.py, docs/rules/, docs/checks/, the README's output"
	@echo "make bench   measure against hadolint and dive"
	@echo "make corpus  try the linter on the real Dockerfiles in \$$CORPUS/files"
	@echo "make truth   precision and recall on Dockerfiles whose faults are known, beside hadolint's"
	@echo "make oracle  compare with BuildKit what of 5,000 generated instructions is refused"
	@echo "make fuzz    feed the readers with whatever atheris finds, for \$$SECONDS"
	@echo "make mutants what the unit tests notice of 300 faults that are put into the code"
	@echo "make engines modern Docker and Podman beside the machine's own, until make engines-stop"
	@echo "make clean   remove the environment and what was built"

$(VENV)/.run: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --group bench
	@touch $@

demo: $(VENV)/.run
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

# Side by side: the tests of one engine are the business of one worker, or of two. T names files or tests, which run one by one.
# What failed while all cores were busy is tried once more, alone: both results are printed, the second counts.
WORKERS ?= 7
AGAIN = --last-failed --last-failed-no-failures none
test: $(if $(T),,lint) $(VENV)/.dev
ifdef T
	$(BIN)/python -m pytest --durations=10 $(T)
else
	$(BIN)/python -m pytest --durations=10 -n $(WORKERS) || { test $$? -eq 1 && $(BIN)/python -m pytest $(AGAIN); }
endif

test-engines: $(VENV)/.dev
	IMGLINT_ENGINES="docker podman docker28 podman5" $(BIN)/python -m pytest -n $(WORKERS) tests/container

quick: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n 2 tests/unit -m "not slow"

rule: $(VENV)/.dev
	$(BIN)/python -m pytest -q -p no:xdist tests/unit/test_rules.py -k "$(RULE)"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.run
	$(BIN)/python -m imglint.rules.indexing
	$(BIN)/python docs/generate.py

bench: $(VENV)/.bench
	$(BIN)/python -m pytest benchmarks --benchmark-enable --benchmark-columns=min,median,rounds -s

# A folder with files/ and, if it has been run before, hadolint.jsonl.
CORPUS ?= ../shared/corpus
corpus: $(VENV)/.bench
	$(BIN)/python benchmarks/corpus.py $(CORPUS)

truth: $(VENV)/.bench
	PYTHONPATH=tests $(BIN)/python benchmarks/truth.py

# Asks the engine of DOCKER_HOST, by docker buildx.
oracle: $(VENV)/.dev
	$(BIN)/python benchmarks/oracle.py $(if $(SEED),--seed $(SEED)) $(if $(FILES),--count $(FILES))

# atheris has wheels for the older Pythons only.
SECONDS ?= 300
fuzz: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --group fuzz
	cd tests && ../$(BIN)/python fuzz.py -max_total_time=$(SECONDS) -max_len=20000

# 300 mutants take 20 minutes on two cores.
COUNT ?= 300
mutants: $(VENV)/.dev
	$(BIN)/python tests/mutants.py --count $(COUNT) $(if $(SEED),--seed $(SEED))

engines: $(VENV)/.run
	@$(BIN)/python tests/modern_engines.py start

engines-stop: $(VENV)/.run
	@$(BIN)/python tests/modern_engines.py stop

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .benchmarks .hypothesis
