# Every word sets up what it needs: a machine with Python 3.11+, make and git is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LITELLM_VENV := .venv-litellm
PIP_FLAGS := --quiet --disable-pip-version-check --require-hashes

.DEFAULT_GOAL := help
.PHONY: help run test test-faults test-litellm campaign fuzz simulate soak reliability check format env-example lock bench clean

help: ## show these words
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.installed ## serve on 127.0.0.1:8002 (the fake answers until a provider is configured)
	$(BIN)/llm-proxy serve

test: $(VENV)/.installed-dev ## unit and contract tests, and the quick ones of faults, fuzzing and simulation
	$(BIN)/python -m pytest -n auto -m "not slow" $(ARGS)

test-faults: $(VENV)/.installed-dev ## every fault, with the slow ones
	$(BIN)/python -m pytest -n auto tests/faults tests/fuzz tests/simulation $(ARGS)

test-litellm: $(VENV)/.installed-dev $(LITELLM_VENV)/.installed ## against a real LiteLLM proxy process
	$(BIN)/python -m pytest tests/litellm $(ARGS)

reliability: $(VENV)/.installed-dev ## run every test and write docs/reliability.md from the results and the last campaigns
	$(BIN)/python -m pytest -n auto --junitxml=build/tests.xml $(ARGS)
	$(BIN)/python tests/campaigns/report.py

campaign: $(VENV)/.installed-dev ## long trials: WHAT=cuts|aborts|departures|memory|rolling N=1000 (docs/reliability.md)
	$(BIN)/python tests/campaigns/run.py $(WHAT) $(if $(N),--n $(N)) $(ARGS)

soak: $(VENV)/.installed-dev ## mixed load with faults for N=10 minutes
	$(BIN)/python tests/campaigns/run.py soak $(if $(N),--n $(N)) $(ARGS)

fuzz: $(VENV)/.installed-dev ## N=100000 mutated inputs of WHAT=bodies|streams|answers|sse|all
	$(BIN)/python tests/fuzz/run.py --what $(or $(WHAT),all) --n $(or $(N),100000) $(ARGS)

simulate: $(VENV)/.installed-dev ## N=1000 seeds of the simulated service
	$(BIN)/python tests/simulation/run.py --seeds $(or $(N),1000) $(ARGS)

check: $(VENV)/.installed-dev ## rows and laws: ruff, mypy, import-linter, architecture, generated files
	$(BIN)/ruff check src tests bench examples
	$(BIN)/ruff format --check src tests bench examples
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/unit/test_architecture.py tests/unit/test_generated_files.py

format: $(VENV)/.installed-dev ## let ruff lay out and mend what it can
	$(BIN)/ruff format src tests bench examples
	$(BIN)/ruff check --fix src tests bench examples

bench: $(VENV)/.installed-dev ## what the service costs, PEERS=nginx,litellm beside others (docs/benchmarks.md)
	$(BIN)/python bench/run.py $(if $(PEERS),--peers $(PEERS)) $(ARGS)

env-example: $(VENV)/.installed-dev ## write .env.example and docs/configuration.md from the settings
	$(BIN)/python -m entrypoints.settings_docs

lock: $(VENV)/.installed-dev ## resolve the dependencies again and write the lock files
	$(BIN)/uv pip compile pyproject.toml --group build --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -p 3.11 -q -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group build --group dev --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -p 3.11 -q -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile tests/litellm/requirements.in --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -p 3.11 -q -o tests/litellm/requirements-litellm.lock

clean: ## remove what these words made
	rm -rf $(VENV) $(LITELLM_VENV) .mypy_cache .ruff_cache .hypothesis dist

# The project itself is a path file: the four folders under src are importable, edits are seen at once.
$(VENV)/.installed: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_FLAGS) -r requirements.lock
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/python -m pip install $(PIP_FLAGS) -r requirements-dev.lock
	touch $@

$(LITELLM_VENV)/.installed: tests/litellm/requirements-litellm.lock
	test -x $(LITELLM_VENV)/bin/python || $(PYTHON) -m venv $(LITELLM_VENV)
	$(LITELLM_VENV)/bin/python -m pip install $(PIP_FLAGS) -r tests/litellm/requirements-litellm.lock
	touch $@
