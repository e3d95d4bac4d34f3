# Faultline's commands. Each does the set-up that it needs; once that is done it costs nothing.
#
#   make run           start Faultline on http://127.0.0.1:8501 (PORT=8502, HOST=0.0.0.0)
#   make test          linters, types and every test, those in a browser included
#   make setup         only the set-up of `make run`
#   make bench         the benchmarks
#   make load          many people at once: speed, memory and descriptors
#   make screenshots   pictures of every page into docs/screenshots
#   make lock          resolve the requirements anew (LOCK=--upgrade for newer versions); needs uv

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8501
WORKERS ?= 2
BIN := $(VENV)/bin

# A stamp names the content of the locks that are installed, so another branch's locks are noticed and nothing else is.
digest = $(firstword $(shell cat $(1) | sha256sum))
RUN := $(VENV)/installed-$(call digest,requirements.txt)
KERNELS := $(VENV)/compiled-$(call digest,debuggers/kernels/*.py)
DEV := $(VENV)/installed-$(call digest,requirements.txt requirements-dev.txt)

.PHONY: help setup setup-dev run test bench load screenshots lock

help:
	@sed -n 's/^#   //p' Makefile

setup: $(RUN) $(KERNELS)
setup-dev: $(DEV)

$(RUN):
	@bash tools/install.sh "$(PYTHON)" "$(VENV)" requirements.txt
	@touch $@

$(DEV): $(RUN)
	@bash tools/install.sh "$(PYTHON)" "$(VENV)" requirements-dev.txt
	@touch $@

# Compiled once for this machine, so that no click waits for it.
$(KERNELS): $(RUN)
	@echo "Compiling the inner loops: once, about a minute"
	@$(BIN)/python -m serving.warming
	@touch $@

run: $(RUN) $(KERNELS)
	@exec $(BIN)/python -m serve --host $(HOST) --port $(PORT)

# The tests come last: their closing line is the last thing that is printed.
test: $(DEV)
	@$(BIN)/python -m tools.chromium
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/pytest -n $(WORKERS)

bench: $(DEV)
	@$(BIN)/python -m tools.chromium
	@$(BIN)/python -m benchmarks

load: $(DEV)
	@$(BIN)/python -m benchmarks load

screenshots: $(DEV)
	@$(BIN)/python -m tools.chromium
	@$(BIN)/python -m tools.screenshots

lock:
	@command -v uv > /dev/null || { echo "make lock needs uv: python3 -m pip install uv" >&2; exit 1; }
	@for name in requirements requirements-dev; do \
	    uv pip compile $$name.in --quiet --output-file $$name.txt --universal --python-version 3.11 \
	        --generate-hashes --custom-compile-command "make lock" $(LOCK); \
	done
