# Each target sets itself up: where .venv is missing it is made first.
PYTHON ?= python3
BIN := .venv/bin
PEERS := .venv-bench/bin
# Two workers on two cores: matrices are small, and more threads wait for each other.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup
# Packages that keep the rules for names and docstrings.
NAMED := sdk/keyart federated/keyart_federated server/keyart_server tools/keyart_tools
# Tests start hundreds of processes, which need not compile the same files again.
unexport PYTHONDONTWRITEBYTECODE
export ORT_DISABLE_TELEMETRY := 1
export FLWR_TELEMETRY_ENABLED := 0
export FLWR_DISABLE_UPDATE_CHECK := 1
export NO_MKDOCS_2_WARNING := 1

.PHONY: install demo test test-all bench lint locale docs clean
install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: .venv/installed
	$(BIN)/keyart demo

# Needs nothing but Python, and takes minutes.
test: .venv/installed lint
	$(PYTEST) -m 'not (service or slow or soak)'

# Everything: the above, and what is long or needs programs and databases (they skip where missing).
test-all: test
	$(PYTEST) -m '(service or slow) and not soak'

bench: .venv/installed .venv-bench/installed
	$(BIN)/keyart bench

# One by one: a peer that cannot be installed here is missing from the table, which says so, and the next run tries again.
.venv-bench/installed: constraints-bench.txt
	test -x $(PEERS)/python || $(PYTHON) -m venv .venv-bench
	@missing=; for peer in onnxruntime scikit-learn vowpalwabbit mabwiser river '--no-deps obp'; do \
		$(PEERS)/python -m pip install --quiet --disable-pip-version-check -c constraints-bench.txt $$peer \
			|| missing="$$missing $$peer"; \
	done; \
	if test -z "$$missing"; then touch $@; else echo "Not installed:$$missing"; fi

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/lint/naming.py $(NAMED)

locale: .venv/installed
	$(BIN)/pybabel -q compile -d sdk/keyart/locale -D keyart

docs: .venv/installed
	$(BIN)/mkdocs build --strict --quiet
	@echo "The site is in build/docs. Its search needs a server: $(BIN)/python -m http.server -d build/docs"

clean:
	rm -rf .venv .venv-bench build
