# Needs Python 3.11 to 3.13 and make; the targets with Kafka need Java 17 and Maven as well.
PYTHON ?= python3
BIN := .venv/bin
VENV := .venv/.complete
VENV_BENCH := .venv-bench/.complete
JARS := .baton/kafka/libs/.complete

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv lock lint test test-kafka bench jars up picture chaos clean

help: ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

venv: $(VENV) ## Make .venv with the locked packages and this project in it

$(VENV): requirements.lock pyproject.toml
$(VENV_BENCH): requirements-bench.lock pyproject.toml
$(VENV) $(VENV_BENCH):
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Baton is locked for Python 3.11 to 3.13, not " + sys.version.split()[0] + ": make venv PYTHON=...")'
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r $<
	$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

COMPILE = $(BIN)/uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 \
	--only-binary :all: --generate-hashes --no-annotate --no-header pyproject.toml

lock: $(BIN)/uv ## Find the newest versions that pyproject.toml allows, write requirements.lock and requirements-bench.lock
	$(COMPILE) --extra embedded --extra rocksdb --extra dev -o requirements.lock
	$(COMPILE) --extra bench -o requirements-bench.lock

$(BIN)/uv: # not $(VENV): a lock that can no longer be installed must not keep itself from being made anew
	$(MAKE) venv

lint: $(VENV) ## Check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV) ## Run every test that needs no Java
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not kafka"

test-kafka: $(VENV) $(JARS) ## Run the tests on Apache Kafka
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m kafka

bench: $(VENV) $(VENV_BENCH) $(JARS) ## Compare the engine with other ways to do the same, on Apache Kafka
	$(BIN)/python -m tests.bench

jars: $(JARS) ## Take Apache Kafka's jars with Maven

$(JARS): deploy/kafka/pom.xml
	deploy/kafka/kafka.sh jars .baton/kafka
	@touch $@

chaos: $(VENV) $(JARS) ## Hurt the engine on Apache Kafka and check what comes out: SECONDS, SEED, FAULTS, STORE
	$(BIN)/python -m tests.chaos --redis --seconds $(or $(SECONDS),90) --seed $(or $(SEED),1) \
		--faults $(or $(FAULTS),mix) --store $(or $(STORE),memory)

up: $(VENV) ## Run Baton with its embedded broker and Redis
	$(BIN)/baton up

picture: $(VENV) ## Make the README's picture: two minutes of `baton up`
	$(BIN)/baton up --rate 150 --seed 7 --seconds 120 --picture docs/pictures/up.svg

clean: ## Remove what was made here
	rm -rf .venv .venv-bench .baton build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
