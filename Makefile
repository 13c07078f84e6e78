# Two commands: `make book` and `make test`. Each does all the set-up; `make help` lists the rest.
PROFILE ?= smoke
PORT ?= 8000
CHAPTERS ?= skeleton_recall harmonyseg
BIN := .venv/bin
STAMP := .venv/.installed
CORE := .venv-core/bin
NNUNET := .venv-nnunet/bin
NNUNET_STAMP := .venv-nnunet/.installed
BOOK_OPTIONS := --profile $(PROFILE) $(if $(OFFLINE),--offline) \
	$(if $(SEED),--seed $(SEED)) $(if $(DEVICE),--device $(DEVICE))

.DEFAULT_GOAL := help
.PHONY: help book test serve lint data results bench installed nnunet clean

help:
	@echo "make book [PROFILE=smoke|laptop|full] [OFFLINE=1] [SEED=n] [DEVICE=cpu|cuda|auto]"
	@echo "          execute every notebook and build the pages"
	@echo "make test     lint, types, import layers, all tests"
	@echo "make serve    show the built book"
	@echo "make lint     ruff, mypy, import layers"
	@echo "make data     fetch and verify the data sets"
	@echo "make results  [PROFILE=laptop] [CHAPTERS=harmonyseg] run every training recipe that has no record yet"
	@echo "make bench    [ONLY=vesselness] measure every instrument against its peer"
	@echo "make installed  test the library as a wheel, with the packages of its core alone"
	@echo "make nnunet   test the losses inside nnU-Net v2, in an environment of its own"
	@echo "make clean    remove the pages, the cached runs and the compiled loops"

book: $(STAMP)
	$(BIN)/tubekit book $(BOOK_OPTIONS)

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not book"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

serve: $(STAMP)
	$(BIN)/tubekit serve --port $(PORT)

data: $(STAMP)
	$(BIN)/tubekit data fetch
	$(BIN)/tubekit data verify

# Stop and restart at will: a run that has its record is not repeated.
results: PROFILE := $(if $(filter-out file,$(origin PROFILE)),$(PROFILE),laptop)
results: $(STAMP)
	@for chapter in $(CHAPTERS); do \
	  $(BIN)/tubekit run $$chapter --profile $(PROFILE) $(if $(DEVICE),--device $(DEVICE)) || exit 1; \
	done

# One process at a time on an idle machine: a ratio is only as good as the quiet around it.
bench: $(STAMP)
	$(BIN)/tubekit bench $(if $(ONLY),--only "$(ONLY)")

# The wheel replaces only itself, so a second call takes seconds. The tests leave the checkout's
# configuration out, which needs more packages than the core has.
installed: $(STAMP)
	rm -rf _build/wheel
	$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps -w _build/wheel .
	test -x $(CORE)/python || $(BIN)/python -m venv .venv-core
	$(CORE)/python -m pip install -q --disable-pip-version-check $$(grep "^torch==" constraints.txt)
	$(CORE)/python -m pip install -q --disable-pip-version-check -c constraints.txt \
	  _build/wheel/*.whl pytest
	$(CORE)/python -m pip install -q --disable-pip-version-check --no-deps --force-reinstall \
	  _build/wheel/*.whl
	OMP_NUM_THREADS=1 $(CORE)/pytest --noconftest --import-mode=importlib tests/installed

nnunet: $(NNUNET_STAMP)
	OMP_NUM_THREADS=1 $(NNUNET)/python -m pytest tests/nnunet

clean:
	rm -rf _build .cache/book
	find tubekit -name "*.nb[ic]" -delete

ifdef OFFLINE
# Installs nothing: an environment from an earlier `make book` must be here.
$(STAMP): FORCE
	@test -e $(STAMP) || { echo "error: OFFLINE=1 needs an environment in .venv, found none;" \
	"run 'make book' once with a network" >&2; exit 1; }
	@test ! constraints.txt -nt $(STAMP) || \
	echo "note: constraints.txt is newer than .venv; OFFLINE=1 installs nothing" >&2
.PHONY: FORCE
else
$(STAMP): constraints.txt pyproject.toml
	@set -e; for python in python3.11 python3.12 python3.13 python3 python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    found=$$python; break; fi; done; \
	  test -n "$$found" || { echo "error: expected Python 3.11 or newer, found none;" \
	  "install it and run make again" >&2; exit 1; }; \
	  echo "environment: .venv with $$($$found --version)"; \
	  test -x $(BIN)/python || $$found -m venv .venv
	@echo "installing PyTorch (1 of 2)"
	@$(BIN)/python -m pip install --disable-pip-version-check $$(grep "^torch==" constraints.txt)
	@echo "installing everything else (2 of 2)"
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[book,test]"
	@touch $(STAMP)
endif

# nnU-Net brings torchvision, which disturbs the packages of the book; so it has a place of its own.
$(NNUNET_STAMP): $(STAMP) constraints-nnunet.txt
	@test -x $(NNUNET)/python || $(BIN)/python -m venv .venv-nnunet
	@$(NNUNET)/python -m pip install --disable-pip-version-check $$(grep "^torch==" constraints.txt)
	@$(NNUNET)/python -m pip install --disable-pip-version-check \
	  -c constraints-nnunet.txt nnunetv2 pytest beartype -e .
	@touch $(NNUNET_STAMP)
