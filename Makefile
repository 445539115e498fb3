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

PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# Both distributions, one after the other: where an older checkout was installed, `keyart` had the command that is now of
# `keyart-tools`, and takes it along when it is replaced.
EDITABLE := $(PIP) install --no-deps --no-build-isolation --editable
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11.5 --generate-hashes \
	--no-emit-package keyart --no-emit-package keyart-tools --custom-compile-command 'make lock'

.PHONY: install demo tv-demo kodi-demo test test-all test-containers bench lint locale docs lock sbom clean
install: .venv/installed

.venv/installed: pyproject.toml sdk/pyproject.toml locks/dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) install --require-hashes -r locks/dev.txt
	$(EDITABLE) ./sdk
	$(EDITABLE) .
	touch $@

demo: .venv/installed
	$(BIN)/keyart demo

# The web TV client, served on this machine.
tv-demo: .venv/installed
	$(BIN)/python examples/tv-web/build.py --serve

# The add-on in real Kodi, which is fetched from Debian's packages if it is missing; leaves screenshots in build/kodi.
kodi-demo: .venv/installed
	examples/kodi/packages
	$(BIN)/python examples/kodi/demo.py

# Needs nothing but Python, and takes minutes.
test: .venv/installed lint
	$(PYTEST) -m 'not (service or slow or soak)'

# Everything: the above, and what is long or needs programs and databases (they skip where missing).
test-all: test
	$(PYTEST) -m '(service or slow) and not soak'

# The runbook's containers, from images that are made of Debian's packages: needs root, podman, podman-compose and mmdebstrap.
test-containers: .venv/installed
	$(PYTEST) tests/docs/test_runbook_containers.py -m soak

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
	$(BIN)/python sdk/web/make_words.py

docs: .venv/installed
	$(BIN)/mkdocs build --strict --quiet
	@echo "The site is in build/docs. Its search needs a server: $(BIN)/python -m http.server -d build/docs"

# Versions stay as they are unless pyproject.toml asks for others; `make lock UPGRADE=--upgrade` takes the newest.
lock: .venv/installed
	$(UV_COMPILE) $(UPGRADE) pyproject.toml --extra dev -o locks/dev.txt
	$(UV_COMPILE) -c locks/dev.txt pyproject.toml --extra all -o locks/all.txt
	$(UV_COMPILE) -c locks/dev.txt pyproject.toml --extra server -o locks/server.txt
	$(UV_COMPILE) -c locks/dev.txt sdk/pyproject.toml -o locks/device.txt

# One list of components for each way to install it, read from an environment that holds nothing else.
sbom: build/sbom/device.cdx.json build/sbom/server.cdx.json build/sbom/all.cdx.json

build/sbom/%.cdx.json: locks/%.txt .venv/installed
	$(BIN)/uv venv --quiet --clear build/sbom/$*
	$(BIN)/uv pip install --quiet --python build/sbom/$* --require-hashes -r $<
	$(PIP) wheel --no-deps --no-build-isolation --no-index --wheel-dir build/sbom/wheels ./sdk .
	$(BIN)/uv pip install --quiet --python build/sbom/$* --no-deps --no-index --find-links build/sbom/wheels \
		keyart $(if $(filter device,$*),,keyart-tools)
	$(BIN)/cyclonedx-py environment --pyproject $(if $(filter device,$*),sdk/)pyproject.toml \
		--output-reproducible --output-file $@ build/sbom/$*/bin/python
	rm -rf build/sbom/$*

clean:
	rm -rf .venv .venv-bench build
