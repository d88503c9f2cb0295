# Each target runs lines that anyone could type. Works with GNU make 3.81 (macOS) and newer.
# A setting is given as `make run PORT=9000`; the environment's variables are left out of it.
.DEFAULT_GOAL := help
.PHONY: help setup run serve frontend check train predict lint test coverage test-quick test-slow notebooks docs bundle year rehearse lock clean

HOST = 127.0.0.1
PORT = 8000
PAGE_PORT = 8501
DATA =
TARGET =
INPUT =
OUTPUT = predictions.csv
PART =
BUNDLE_OPTIONS ?=
ARGS =

# The first that runs: a name on PATH may be a shim for a version that isn't installed.
RIGHT_VERSION = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON = $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c '$(RIGHT_VERSION)' 2>/dev/null && echo "$$p" && break; done)

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: .venv/.setup  ## Make .venv and install what training and the app need (PYTHON=python3.12 to choose)

run: setup  ## Install, train on the sample table if there is no model yet, serve the form (HOST= PORT=)
	.venv/bin/python -m src.pipelines.train_pipeline --if-missing
	.venv/bin/python -m gunicorn --bind $(HOST):$(PORT) application:application

serve: setup  ## Serve the model that is there (HOST= PORT=)
	.venv/bin/python -m gunicorn --bind $(HOST):$(PORT) application:application

frontend: .venv/.frontend  ## Serve the form and, beside it, the Streamlit page (HOST= PORT= PAGE_PORT=)
	.venv/bin/python -m src.pipelines.train_pipeline --if-missing
	@.venv/bin/python -m gunicorn --bind $(HOST):$(PORT) application:application & app=$$!; \
	API_URL=http://$(HOST):$(PORT) .venv/bin/python -m streamlit run appFrontend/app.py \
	  --server.address $(HOST) --server.port $(PAGE_PORT) & page=$$!; \
	trap 'kill $$app $$page 2>/dev/null; wait; exit' INT TERM; \
	while kill -0 $$app && kill -0 $$page; do sleep 1; done 2>/dev/null; \
	kill $$app $$page 2>/dev/null; wait; exit 1

check: setup  ## Look at a table before training: make check DATA=mine.csv TARGET=final_score (ARGS= for more)
	.venv/bin/python -m src.pipelines.train_pipeline --check $(if $(DATA),--data "$(DATA)") $(if $(TARGET),--target "$(TARGET)") $(ARGS)

train: setup  ## Train on a table: make train DATA=mine.csv TARGET=final_score (ARGS= for more options)
	.venv/bin/python -m src.pipelines.train_pipeline $(if $(DATA),--data "$(DATA)") $(if $(TARGET),--target "$(TARGET)") $(ARGS)

predict: setup  ## Predict a file: make predict INPUT=class.csv OUTPUT=predictions.csv (ARGS= for more options)
	$(if $(INPUT),,$(error Say which file to predict: make predict INPUT=class.csv OUTPUT=predictions.csv))
	.venv/bin/python -m src.pipelines.predict_pipeline --input "$(INPUT)" --output "$(OUTPUT)" $(ARGS)

lint: .venv/.dev  ## Check style, types and import contracts
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy
	.venv/bin/lint-imports

test: lint .envs/deploy/.tools  ## Everything a change must pass: lint, then all tests but the slow ones
	.venv/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: .venv/.dev .envs/deploy/.tools  ## The same tests with their coverage, which doubles the time (at least 85 %)
	.venv/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --cov $(ARGS)

test-quick: .venv/.dev  ## The tests that need neither a browser nor a server
	.venv/bin/python -m pytest -n auto --dist loadfile -m "not slow and not browser and not e2e" $(ARGS)

test-slow: .venv/.dev  ## The slow tests alone, among them the other Python versions (PART=statistics for a folder of them)
	.venv/bin/python -m pytest -m slow $(if $(PART),tests/$(PART)) $(ARGS)

notebooks: .venv/.dev  ## Run the notebooks, write pages and figures to build/notebooks (DATA= TARGET=)
	.venv/bin/python notebooks/build.py $(if $(DATA),--data "$(DATA)") $(if $(TARGET),--target "$(TARGET)") $(ARGS)

docs: .venv/.dev  ## Build the documentation and check its links: build/docs/index.html
	.venv/bin/python docs/make_reference.py --check
	.venv/bin/python docs/make_architecture.py --check
	.venv/bin/python -m sphinx --fail-on-warning --keep-going --quiet --conf-dir docs . build/docs $(ARGS)

bundle: setup  ## Put together what Elastic Beanstalk gets: build/bundle.zip, with the promoted run (BUNDLE_OPTIONS=--records)
	.venv/bin/python -m deploy.bundle --output build/bundle --zip build/bundle.zip $(BUNDLE_OPTIONS)

year: .venv/.dev  ## Play a year of a school: train, predict, outcomes, drift, challenge (build/year; ARGS= for more)
	.venv/bin/python -m benchmarks.year $(ARGS)

rehearse: .venv/bin/python  ## Play a push and its deployment on this machine, without AWS (ARGS=--keep to look around)
	.venv/bin/python -m deploy.rehearse $(ARGS)

lock: .venv/.setup  ## Write requirements*.txt anew from pyproject.toml (ARGS=--upgrade for the newest versions)
	.venv/bin/python -m pip install 'uv>=0.9'
	.venv/bin/python -m uv $(COMPILE) pyproject.toml --output-file requirements.txt $(ARGS)
	.venv/bin/python -m uv $(COMPILE) pyproject.toml --extra dev --output-file requirements-dev.txt $(ARGS)
	.venv/bin/python -m uv $(COMPILE) --group pyproject.toml:serve --constraint requirements.txt --output-file requirements-serve.txt
	.venv/bin/python -m uv $(COMPILE) --group pyproject.toml:records --constraint requirements.txt --output-file requirements-records.txt
	.venv/bin/python -m uv $(COMPILE) --group pyproject.toml:streamlit --output-file deploy/streamlit/requirements.txt $(ARGS)
	.venv/bin/python -m uv $(COMPILE) pyproject.toml --extra cluster --constraint requirements.txt --output-file deploy/cluster/requirements.txt
	.venv/bin/python -m uv $(COMPILE) --group pyproject.toml:deploy --output-file deploy/requirements-tools.txt $(ARGS)

# One version of each package for every Python and system that is declared, so that all run the same.
COMPILE = pip compile --universal --python-version 3.11 --fork-strategy fewest \
	--quiet --custom-compile-command "make lock   (why xgboost-cpu: see pyproject.toml)"

clean:  ## Remove caches and builds; .venv and artifacts stay
	rm -rf build dist *.egg-info catboost_info htmlcov .coverage .coverage.* .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.venv/bin/python:
	@"$(PYTHON)" -c '$(RIGHT_VERSION)' 2>/dev/null || { \
	  echo "This needs Python 3.11, 3.12 or 3.13; $(if $(PYTHON),'$(PYTHON)' is none of them,none was found on PATH)." >&2; \
	  echo "Install one, or say where it is: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.12" >&2; exit 1; }
	"$(PYTHON)" -m venv --clear .venv || { rm -f .venv/bin/python; \
	  echo "'$(PYTHON)' could not make .venv. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# A stamp per list of packages: a second `make run` starts at once, a changed list is installed.
.venv/.setup: requirements.txt requirements-dev.txt pyproject.toml .venv/bin/python
	.venv/bin/python -m pip install 'pip>=24.1'
	.venv/bin/python -m pip install -r requirements.txt -c requirements-dev.txt -e '.[bundle,data]'
	touch .venv/.setup

.venv/.frontend: .venv/.setup
	.venv/bin/python -m pip install -c requirements-dev.txt -e '.[bundle,data,frontend]'
	touch .venv/.frontend

.venv/.dev: .venv/.setup
	.venv/bin/python -m pip install -r requirements-dev.txt
	touch .venv/.dev

# What the deploy tests call; not for .venv, since AWS's libraries want other versions than training.
.envs/deploy/.tools: $(wildcard deploy/requirements-tools.txt) .venv/bin/python
	.venv/bin/python -m deploy.tools
	touch .envs/deploy/.tools
