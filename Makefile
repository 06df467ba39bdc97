# Needs make and Python 3.11 or newer. Everything else is installed into .venv.

PYTHONS ?= python3.13 python3.12 python3.11 python3
ARGS ?=
# Processes that share the tests; each has a broker of its own.
SIDES ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.PHONY: help install demo test chaos fuzz yardsticks lint bench schemas rules kafka

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## Create .venv and install driftline into it, with the tools for development

demo: $(INSTALLED) ## Run the demonstration (ARGS="--help" for its options)
	$(BIN)/driftline demo $(ARGS)

test: $(INSTALLED) ## Run the tests (ARGS="-k name" to choose, ARGS="-m 'not kafka'" to do without a broker, SIDES=0 for one process)
	$(BIN)/pytest -n $(SIDES) --dist loadfile $(ARGS)

chaos: $(INSTALLED) ## Run the tests of faults, about 35 minutes (DRIFTLINE_CHAOS_SEED=n to repeat, ARGS="-k name" to choose)
	$(BIN)/pytest tests/chaos -m chaos $(ARGS)

yardsticks: $(INSTALLED) ## Run published benchmarks and long simulations, an hour or so (ARGS="-k name" to choose)
	$(BIN)/pytest tests/yardsticks -m yardstick --timeout 3600 -s $(ARGS)

fuzz: $(INSTALLED) ## Give a million inputs to the decoders, some minutes (ARGS="--inputs 50000 --seed n")
	$(BIN)/python -m tests.fuzz $(ARGS)

lint: $(INSTALLED) ## Check style, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(INSTALLED) ## Measure speed and memory
	$(BIN)/python -m tests.bench $(ARGS)

schemas: $(INSTALLED) ## Write the JSON schemas anew from the models
	$(BIN)/python -m schemas.export $(ARGS)

rules: $(INSTALLED) ## Write the Prometheus rules anew as objects of the Prometheus Operator
	$(BIN)/python deploy/kubernetes/rules.py

kafka: $(INSTALLED) ## Run Apache Kafka on port 9092 until Ctrl-C (needs Java 17 and Maven)
	$(BIN)/python -m tests.kafka --port 9092 $(ARGS)

# An interpreter may be on the PATH and still not run (version managers leave such shims), so each is tried.
$(INSTALLED): pyproject.toml
	@if ! $(BIN)/python -c '$(USABLE)' >/dev/null 2>&1; then \
	  for python in $(PYTHONS); do \
	    if "$$python" -c '$(USABLE)' >/dev/null 2>&1; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo 'No usable Python 3.11 or newer among: $(PYTHONS). It must have the venv module (on Debian: python3-venv).' >&2; \
	    exit 1; \
	  fi; \
	  echo "Creating $(VENV) with $$found"; \
	  "$$found" -m venv --clear $(VENV); \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,parquet]'
	@touch $@
