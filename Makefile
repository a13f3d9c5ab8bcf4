# Commands of the checkout; `make help` lists them.
.SILENT:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 2>/dev/null))
HOST ?= 127.0.0.1
PORT ?= 8080
# Two processes suit a machine of two cores and more.
WORKERS ?= 2

BIN := .venv/bin
PY := $(BIN)/python
PYTEST := $(PY) -m pytest -q
# A file goes to one process whole, so that what it makes for all of its tests is made once; in the order of collection, slow ones first.
UNIT = $(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not browser and not bench"

# Many a container forbids Python to keep what it has compiled. Every `crm` would compile the product anew: the tests start a hundred.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo serve test unit database browser chaos matrix stories lighthouse check lint bench lock shots clean system built

help: ## this list
	sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | while IFS=$$'\t' read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done

setup: $(BIN)/.installed built ## the environment in .venv, front-end files and translations

demo: setup ## a demo bank, its sign-ins and figures on the terminal, served on HOST:PORT (127.0.0.1:8080)
	$(BIN)/crm demo --serve --host $(HOST) --port $(PORT)

serve: setup ## the production server, after `crm init`
	$(BIN)/crm serve --host $(HOST) --port $(PORT)

test: system unit browser ## all tests: on SQLite (or CRM_TEST_DATABASE_URL), then in Chromium

unit: setup ## the tests that need no browser
	$(UNIT)

database: setup ## those of them that use a database, again: on CRM_TEST_DATABASE_URL
	test -n "$$CRM_TEST_DATABASE_URL" || { echo "CRM_TEST_DATABASE_URL names no server; .ci/postgres.sh starts one" >&2; exit 1; }
	$(UNIT) --on-database

browser: setup ## the tests in Chromium
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m browser

chaos: setup ## 3,000 records through a hostile network to a server that is killed 25 times: none lost, none doubled
	$(PY) -m tests.field.chaos

matrix: setup ## all pairs of what can go wrong with the phone's pages, in Chromium (about twenty minutes)
	$(PY) -m tests.browser.matrix

stories: setup ## twenty stories of the phone in Chromium, WebKitGTK and Firefox, as far as they are there
	$(PY) -m tests.browser.stories

lighthouse: setup ## Lighthouse's scores of the phone's pages
	$(PY) -m tests.browser.lighthouse

check: test lint ## everything: tests, style, types, directions between rooms, both languages

lint: setup ## style, types, directions between rooms, both languages
	$(BIN)/ruff check --quiet --output-format=concise .
	$(BIN)/ruff format --check --quiet --output-format=concise .
	$(BIN)/mypy
	$(BIN)/lint-imports | sed '/[╔║╚]/d;/^ *$$/d'; exit $${PIPESTATUS[0]}
	$(PY) -m crm.packaging check-translations

bench: setup ## measures, each with its ratio to a floor taken in the same run
	$(PYTEST) -m bench -s

shots: setup ## the README's screenshots
	$(PY) -m tests.browser.shots

lock: $(BIN)/.installed ## renews the lock files
	for extra in "" dev; do \
		$(BIN)/pip-compile --quiet --upgrade --allow-unsafe --generate-hashes --strip-extras --no-emit-index-url \
			--no-emit-find-links --no-emit-trusted-host $${extra:+--extra=$$extra} \
			--output-file=requirements$${extra:+-$$extra}.lock pyproject.toml || exit 1; done
	cd crm/packaging && ../../$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file=node.lock node.in
	cd crm/static && npm install --package-lock-only --ignore-scripts --loglevel=error

clean: ## removes what can be built again; data in var/ stays
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf crm/static/vendor crm/static/vendor.new crm/static/vendor-test crm/translations/*/LC_MESSAGES
	find crm tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +

system:
	bash .ci/system.sh

built: $(BIN)/.installed
	$(PY) -m crm.packaging

$(BIN)/.dependencies: requirements-dev.lock
	test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with make PYTHON=...")'
	test -x $(PY) || { echo "making .venv"; $(PYTHON) -m venv .venv; }
	echo "installing the Python packages of requirements-dev.lock"
	$(PY) -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	touch $@

$(BIN)/.installed: $(BIN)/.dependencies pyproject.toml
	$(PY) -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
