# The commands of this project. `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
RUN := ./toolchain/bootstrap.sh
ECHO := $(RUN) python -m toolchain

.PHONY: help up ask view pictures status down shell pulumi preview-comment build check fix static workflows unit test bench drill faults

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## tools, cluster, images, models, `pulumi up` of the dev stack, and a first answer
	@$(ECHO) up

# The question goes by the environment: on a command line the shell would read its quotes and dollar signs.
ask: export ECHORATOR_QUESTION = $(value Q)
ask: export ECHORATOR_SPACE = $(value SPACE)
ask: ## ask the model: make ask Q="What is the capital of France?"
	@$(ECHO) ask

view: ## a way to the live view, and how to get a key (PORT=8000 for another port than 5000)
	@$(ECHO) view $(if $(PORT),--port $(PORT))

status: ## what runs, where, what is wrong with it and what to do
	@$(ECHO) status

down: ## destroy the stack, stop the cluster, leave nothing behind (PURGE=1 also forgets its disks)
	@$(ECHO) down $(if $(PURGE),--purge)

shell: ## a shell where echorator, pulumi, kubectl and the stack's environment are ready
	@$(ECHO) shell

pulumi: ## one pulumi command: make pulumi ARGS="preview -s dev"
	@$(ECHO) pulumi $(ARGS)

# It ends with 1 when the preview would fail, after it has printed the comment that says why.
preview-comment: ## what a pull request's comment would say: make preview-comment STACK=dev
	@$(RUN) python -m ci.preview_comment --stack $(or $(STACK),dev)

build: ## only build what this machine lacks
	@$(ECHO) build

check: static workflows unit ## read-only: format, lint, types, workflows, unit tests

static:
	@$(RUN) ruff format --check --quiet .
	@$(RUN) ruff check --quiet .
	@$(RUN) basedpyright

workflows:
	@$(ECHO) workflows

fix: ## format and mend what the linter can
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

unit: ## the tests that need no tool and no machine
	@$(RUN) pytest -q tests/unit

test: static ## every test; starts the local cluster if it does not run
	@$(ECHO) test

bench: ## the figures of docs/figures.md, side by side in one run
	@$(ECHO) bench

drill: ## break things on the local cluster: alerts, the memory store; follow a trace (OF=monitoring, memory or traces)
	@$(ECHO) drill $(OF)

pictures: ## the pictures of docs/view.md, taken anew
	@$(ECHO) test tests/view/pictures.py -q

faults: ## the slow fault runs of docs/reliability.md
	@$(ECHO) faults
