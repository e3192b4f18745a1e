# Every target sets up what it needs: Python 3.11 and make are enough to start.
# ARGS goes to the program behind the target: make up ARGS="--data-dir /srv/clawbot", make test ARGS="-k proxy -x".

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: up setup dev check format test test-python test-web e2e bench bot-images openapi lock clean help

BIN := .venv/bin
SETUP := ./scripts/setup.sh
WEB := $(if $(wildcard web/package.json),yes)
NPM := $(BIN)/python hatch_build.py npm
WORKERS ?= auto
export PYTHON
# Without compiled files in .venv every start, and a test run makes many, compiles everything again.
unexport PYTHONDONTWRITEBYTECODE

up: ## Set up and run ClawBotManager (PORT=7100, ARGS=... are passed on)
	@$(SETUP) console
	@exec $(BIN)/clawbot-manager up $(if $(PORT),--port $(PORT)) $(ARGS)

setup: ## Set up everything for development, run nothing
	@$(SETUP) dev console web

dev: ## Run with reload: Python on PORT (7100), the console by Vite on its own port
	@$(SETUP) dev web
	@exec $(BIN)/python scripts/dev.py $(if $(PORT),--port $(PORT)) $(ARGS)

check: ## Lint, format check, types and import contracts, Python and console
	@$(SETUP) dev web
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy hatch_build.py scripts/*.py
	$(BIN)/lint-imports
	$(if $(WEB),$(NPM) run check)

format: ## Format and fix what can be fixed, Python and console
	@$(SETUP) dev web
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(if $(WEB),$(NPM) run format --if-present)

test: test-python test-web ## Run all tests, end-to-end too (ARGS go to pytest)

test-python: ## Run the Python tests on WORKERS processes (ARGS go to pytest)
	@$(SETUP) dev console
	@./scripts/install-test-services.sh
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-web: ## Run the console's own tests
	@$(SETUP) dev web
	$(if $(WEB),$(NPM) test)

e2e: ## Run only the end-to-end tests (ARGS go to pytest)
	@$(SETUP) dev console
	@./scripts/install-test-services.sh
	$(BIN)/pytest -m e2e $(ARGS)

bench: ## Measure the proxy against nginx and other gateways (ARGS="--quick --only nginx,ours")
	@$(SETUP) dev
	@./scripts/install-bench-tools.sh
	@$(BIN)/python -m bench $(ARGS)

bot-images: ## Build the images for bots in containers (ARGS="builtin --base debootstrap")
	@$(SETUP) dev
	@$(BIN)/python scripts/build_bot_images.py $(ARGS)

openapi: ## Write openapi.json and the console's types from the code
	@$(SETUP) dev web
	@$(BIN)/clawbot-manager openapi > openapi.json.new || { rm -f openapi.json.new; exit 1; }
	@mv openapi.json.new openapi.json
	$(if $(WEB),$(NPM) run types)

lock: ## Pin dependencies again after a change in pyproject.toml (ARGS=--upgrade takes the newest)
	@$(SETUP) dev
	@./scripts/lock.sh $(ARGS)

clean: ## Remove what was set up and built; data and sources stay
	rm -rf .venv .cache bench/.cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	rm -rf web/node_modules web/dist src/clawbot_manager/web/console src/clawbot_manager/web/console.new
	find src tests scripts bench -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
