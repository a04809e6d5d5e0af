.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SHELLFLAGS := -euo pipefail -c
SHELL := /bin/bash

BIN := .venv/bin
STAMP := .venv/.stamp
PYTHON ?= python3
# The checks import the settings; they get a data folder that nobody uses.
CHECKING := TILLBOOK_DATA_DIR=.venv/.check-data
# The demo's log-ins lie in its data folder: it is never the folder that a shop begins in.
DEMO := TILLBOOK_DATA_DIR=$${TILLBOOK_DATA_DIR:-demo-data}

.PHONY: help setup demo test check fix lock client messages screenshots bench

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)-installed ## Make .venv with everything locked, and find Chromium, hledger and Ledger for the tests
	@scripts/find-programs

$(STAMP)-installed: requirements/dev.txt pyproject.toml
	@PYTHON=$(PYTHON) scripts/make-environment
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)-installed ## Build a demo shop in demo-data, and serve it
	@$(DEMO) $(BIN)/tillbook demo$(if $(PORT), --port $(PORT))

test: setup ## Run all tests on SQLite, and at the same time on PostgreSQL those that may differ there
	@scripts/test-both

check: $(STAMP)-installed ## Check format, style, types, floors, migrations and templates
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(CHECKING) $(BIN)/mypy
	@$(BIN)/lint-imports
	@$(CHECKING) $(BIN)/django-admin makemigrations --check --settings tillbook.config.settings
	@$(BIN)/djlint src --lint --quiet

fix: $(STAMP)-installed ## Repair what the checks can repair by themselves
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

lock: ## Resolve the dependencies anew into requirements/
	@for each in run dev; do \
	  group=$$([ $$each = dev ] && echo "--group dev" || true); \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --no-annotate $$group pyproject.toml -o requirements/$$each.txt; \
	done

client: $(STAMP)-installed ## Write the Python client anew, from the API's own description
	@$(CHECKING) $(BIN)/python scripts/make-client

messages: $(STAMP)-installed ## Take the program's texts into the translations, and compile them
	@$(BIN)/python scripts/make-messages

screenshots: setup ## Take the pictures in docs/images anew
	@$(BIN)/python scripts/take-screenshots

bench: $(STAMP)-installed ## Measure the book beside the raw limits, on both databases, into benchmarks/results
	@$(BIN)/python benchmarks/ledger.py
