# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

INVENTORY ?=
CHECK ?=
ARGS ?=
SERIAL ?=
ALSO ?=
export BENCH BUDGET FUZZ_TARGETS

# nox itself, at the version of tests/requirements.txt; every session then makes its own environment.
NOX_READY = mkdir -p .cache && grep '^nox==' tests/requirements.txt >.cache/nox.txt && \
	playbooks/provision/venv.sh .cache/venv/nox .cache/nox.txt
NOX = $(NOX_READY) && .cache/venv/nox/bin/nox

.DEFAULT_GOAL := help
.PHONY: help demo provision drift doctor status quick test setup lint unit docs changelog sanity build importer page security \
	molecule faults e2e fuzz bench soak pictures clean

help: ## this text
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  provision, drift, doctor and status take INVENTORY=FILE (default: this machine), provision CHECK=1"
	@echo "  (predict, change nothing), and all ARGS='…' for ansible-playbook."
	@echo "  The gates take VERBOSE=1 and ANSIBLE_CORE=2.16 (another ansible-core than the pinned one); unit takes"
	@echo "  UNIT_PYTHONS='3.11 3.12'; security and molecule take INSTALL_DOCKER=1 (install and start Docker Engine"
	@echo "  where there is none), molecule MOLECULE_SCENARIOS='default drift'; e2e takes CLAUDE='2.1.81 2.1.197"
	@echo "  latest' (default: the version that the role installs, and an old one for some tests); fuzz takes"
	@echo "  BUDGET=600 and FUZZ_TARGETS='pane hook', bench BENCH='hook links', and with one of them its ARGS."

# The first Python that can run it (or PYTHON), without an environment of its own; where none can, the last one says why.
demo: export PYTHON ?= python3 /usr/bin/python3
demo: ## a failover as it happens, in a scratch folder: no root, no account, ten seconds, nothing left
	@for python in $$PYTHON; do \
		"$$python" -c 'import sys, yaml; sys.exit(sys.version_info < (3, 9))' 2>/dev/null && break; \
	done; \
	command -v "$$python" >/dev/null || { \
		echo "found no $$python; expected Python 3.9 or newer: sudo apt-get install tmux python3-yaml" >&2; exit 1; }; \
	exec "$$python" -B roles/claude_failover/files rehearse --narrate $(ARGS)

provision: ## set up the machines of an inventory, or this one
	@INVENTORY='$(INVENTORY)' CHECK='$(CHECK)' playbooks/provision/provision.sh site $(ARGS)

drift: ## report what on the machines differs from what is configured; changes nothing
	@INVENTORY='$(INVENTORY)' playbooks/provision/provision.sh drift $(ARGS)

doctor: ## look at everything that has to be right on the machines; changes nothing
	@INVENTORY='$(INVENTORY)' playbooks/provision/provision.sh doctor $(ARGS)

status: ## show the accounts, sessions and switches of the machines, worst first; changes nothing
	@INVENTORY='$(INVENTORY)' playbooks/provision/provision.sh status $(ARGS)

quick: ## the fast loop: ruff, mypy, import-linter, unit tests but the slow ones on the newest Python at hand
	@$(NOX) -s quick

test: ## every gate below but e2e (ALSO=e2e), fuzz, bench and soak, side by side (SERIAL=1: one test at a time); of faults the short run
	@$(NOX_READY) && exec .cache/venv/nox/bin/python -B tests/gates/side_by_side.py \
		$(if $(SERIAL),--serial) $(ALSO:%=--also %)

setup: ## the environments of `make test`
	@$(NOX) --install-only

lint: ## ruff, mypy --strict, import-linter, yamllint, shellcheck, check-jsonschema, ansible-lint (production)
	@$(NOX) -s lint

unit: ## unit, integration and security tests, on the oldest and newest Python at hand
	@$(NOX) -s unit

docs: ## documentation of collection, role and plugins
	@$(NOX) -s docs

changelog: ## changelog fragments, and CHANGELOG.md
	@$(NOX) -s changelog

sanity: ## ansible-test sanity
	@$(NOX) -s sanity

build: ## build, install, read the playbooks from the installed collection
	@$(NOX) -s build

importer: ## galaxy-importer: whether Galaxy takes the collection
	@$(NOX) -s importer

page: ## the page of a fleet in headless Chromium: axe-core's rules, on phone and desk, in light and dark
	@$(NOX) -s page

security: ## tests/security in a container, by root, who makes processes of real other users there
	@$(NOX) -s security

molecule: ## scenarios in containers that boot systemd (Debian 12 and 13)
	@$(NOX) -s molecule

faults: export FAULTS ?= all
faults: ## every durable step meets every fault, and the clock jumps; FAULTS=short: one fault for each step
	@$(NOX) -s faults

e2e: export CLAUDE ?=
e2e: export CLAUDE_E2E_GUARD ?= both
e2e: ## the real Claude Code CLI against a stub of its API, with no way out of the machine
	@$(NOX) -s e2e

fuzz: ## mutated inputs from everywhere, for BUDGET seconds each (60); prints the executions of each target
	@$(NOX) -s fuzz

soak: export MINUTES ?=
soak: export SESSIONS ?=
soak: export SEED ?=
soak: ## 200 stand-ins, limits every few seconds, flips, restarts, kills, reloads, tasks for MINUTES (10): nothing is lost
	@$(NOX) -s soak

bench: ## figures beside what people use today: tables, and .cache/results/bench.json (tests/bench/README.md)
	@$(NOX) -s bench $(if $(ARGS),-- $(ARGS))

pictures: ## the pictures of the documentation anew, from a real run with the stand-in for Claude Code
	@$(NOX) -s pictures

clean: ## remove what the gates made (.cache, build)
	rm -rf .cache build
