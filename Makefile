# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

PYTHON ?= python3
INVENTORY ?=
CHECK ?=
ARGS ?=

GATES = $(PYTHON) tests/gates

.DEFAULT_GOAL := help
.PHONY: help provision drift test setup unit lint docs changelog sanity build molecule e2e clean

help: ## this text
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  provision and drift take INVENTORY=FILE (default: this machine), CHECK=1 (predict, change nothing)"
	@echo "  and ARGS='…' for ansible-playbook. The gates take VERBOSE=1; molecule takes INSTALL_DOCKER=1 (install"
	@echo "  and start Docker Engine where there is none) and MOLECULE_SCENARIOS='default drift'."

provision: ## set up the machines of an inventory, or this one
	@INVENTORY='$(INVENTORY)' CHECK='$(CHECK)' playbooks/provision/provision.sh site $(ARGS)

drift: ## report what on the machines differs from what is configured; changes nothing
	@INVENTORY='$(INVENTORY)' playbooks/provision/provision.sh drift $(ARGS)

test: ## every gate below but e2e, in this order
	@$(GATES) all

setup: ## environments for the tools and for the oldest and newest Python
	@$(GATES) setup

lint: ## ruff, mypy --strict, yamllint, shellcheck, ansible-lint (profile production)
	@$(GATES) lint

unit: ## unit and integration tests, on the oldest and newest Python at hand
	@$(GATES) unit

docs: ## documentation of collection, role and plugins
	@$(GATES) docs

changelog: ## changelog fragments, and CHANGELOG.md
	@$(GATES) changelog

sanity: ## ansible-test sanity
	@$(GATES) sanity

build: ## build, install, read the playbooks from the installed collection
	@$(GATES) build

molecule: ## scenarios in containers that boot systemd (Debian 12 and 13)
	@$(GATES) molecule

e2e: ## the real Claude Code CLI against a stub of its API, with no way out of the machine
	@$(GATES) e2e

clean: ## remove what the gates made (.cache, build)
	rm -rf .cache build
