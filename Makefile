# Everything starts from a bare checkout: Python 3.11 or newer and make are all that must be there.
# `make` alone lists what there is. ARGS are passed on: make demo ARGS="--replay DIR --speed 60"

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input
PYTHONS := python3 python3.14 python3.13 python3.12 python3.11 python
WORKERS ?= 3
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo run doctor test check format storm bench bench-rivals

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## The whole bot against stand-ins on this machine: no key, no account, no network
	@$(PY) main.py demo $(ARGS)

run: $(VENV)/.installed ## The bot as .env says (paper trading unless told otherwise)
	@$(PY) main.py $(ARGS)

doctor: $(VENV)/.installed ## Check configuration, database, Telegram, exchange and AI keys
	@$(PY) main.py doctor $(ARGS)

test: check ## The same as check

check: $(VENV)/.installed-dev ## Format, lint, types and tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	@$(PY) -c "from core.backtest.compiling import compile_all; compile_all()" & compiling=$$!; \
		$(PY) -m mypy; typed=$$?; wait $$compiling && exit $$typed
	$(PY) -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

format: $(VENV)/.installed-dev ## Format the code and mend what lint can mend
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

storm: $(VENV)/.installed-dev ## 10,000 seeded schedules of faults and crashes, then 200 kills of the real program
	$(PY) -m tests.simulation storm $(ARGS)
	$(PY) -m tests.kills

bench: $(VENV)/.installed-dev ## Measure speed, memory and stalls (tests/benchmarks/bench_*.py)
	$(PY) -m pytest tests/benchmarks -q -s -o python_files='bench_*.py' -o python_functions='bench_*' \
		-o timeout=1800 $(ARGS)

bench-rivals: $(VENV)/.installed-dev ## Beside freqtrade, backtesting.py and vectorbt, in environments of their own (2 GB)
	$(PY) -m tests.benchmarks.rivals $(ARGS)

$(VENV)/.installed: requirements.txt | $(VENV)/.made
	@echo "installing what the bot needs (once, about a minute) ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(VENV)/.made
	@echo "installing what the bot and its checks need (once, about a minute) ..."
	@$(PIP) -r requirements-dev.txt
	@touch $(VENV)/.installed $@

# Debian and Ubuntu split ensurepip from Python; virtualenv or an installed pip can stand in for it.
$(VENV)/.made:
	@set -u; python=; \
	for one in $(PYTHONS); do \
		if "$$one" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$one; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "Python 3.11 or newer is needed and was not found." >&2; exit 1; fi; \
	if $(PY) -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
		|| "$$python" -m venv --clear $(VENV) >/dev/null 2>&1 \
		|| "$$python" -m virtualenv --clear --quiet $(VENV) >/dev/null 2>&1 \
		|| { "$$python" -m venv --clear --without-pip $(VENV) >/dev/null 2>&1 \
			&& "$$python" -m pip --python $(PY) install --quiet pip >/dev/null 2>&1; }; \
	then touch $@; \
	else rm -rf $(VENV); \
		echo "$$python can't make a virtual environment: install its venv module (Debian, Ubuntu: apt-get install python3-venv) and run make again." >&2; \
		exit 1; \
	fi
