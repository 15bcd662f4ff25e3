# The first two are all a newcomer needs: they set up what they use. Python 3.11 or newer and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

.PHONY: demo test lint check-types check-data pytest wheel crash-test soak-test soak-server bench bench-data bench-files bench-growth bench-server clean

demo: $(VENV)/demo.stamp
	$(BIN)/bm25 demo $(QUESTION)

test: lint check-types check-data pytest wheel

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check-types: $(VENV)/dev.stamp
	$(BIN)/mypy

# The shipped tables must be what the engine says: every code point, and every word of the lists. So must the
# conformance vectors.
check-data: $(VENV)/dev.stamp
	$(BIN)/python scripts/derive_unicode.py --check
	$(BIN)/python scripts/derive_multilingual.py --check
	$(BIN)/python scripts/derive_stopwords.py --check
	$(BIN)/python scripts/derive_conformance.py --check

pytest: $(VENV)/dev.stamp
	$(BIN)/bm25 warmup
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

# A wheel, built and installed into an environment of its own, must work by itself.
wheel: $(VENV)/dev.stamp
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w build/wheel .
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install -q build/wheel/*.whl
	cd build/wheel && venv/bin/python ../../tests/wheel_check.py && venv/bin/bm25 query "Die Häuser am Fluss" --language german

# The tests of a store's safety once more, longer: a writer killed 500 times, and a minute of eight readers
# beside a writer.
crash-test: $(VENV)/dev.stamp
	BM25_TESTS_KILLS=500 $(BIN)/python -m pytest -s tests/store/test_crash.py

soak-test: $(VENV)/dev.stamp
	BM25_TESTS_SOAK_SECONDS=60 $(BIN)/python -m pytest -s tests/store/test_concurrency.py

# The same server for ten minutes: errors, reloads, new statistics, and no growth.
soak-server: $(VENV)/dev.stamp
	BM25_TESTS_SOAK_SECONDS=600 $(BIN)/python -m pytest -s tests/server/test_soak.py

# Long measurements, never part of the tests. Peers are installed for them.
bench: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks.encode
	$(BIN)/python -m benchmarks.tokenizers
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.profile
	$(BIN)/python -m benchmarks.statistics
	$(BIN)/python -m benchmarks.store

bench-data: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks.corpora

bench-files: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks.files $(FILES_ARGS)

# A store that grows to 100 million documents.
bench-growth: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks.growth $(GROWTH_ARGS)

# The server under load: wrk and hey, which Debian has, make it.
bench-server: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks.server
	$(BIN)/python -m benchmarks.server --overload

$(VENV)/python.stamp:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	touch $@

$(VENV)/demo.stamp: $(VENV)/python.stamp pyproject.toml
	$(BIN)/python -m pip install -q -e '.[edge]'
	touch $@

$(VENV)/dev.stamp: $(VENV)/python.stamp pyproject.toml
	$(BIN)/python -m pip install -q -e '.[dev]'
	touch $@ $(VENV)/demo.stamp

$(VENV)/bench.stamp: $(VENV)/python.stamp pyproject.toml
	$(BIN)/python -m pip install -q -e '.[bench]'
	$(BIN)/python -m pip install -q --no-deps llama-index-core # has the data of NLTK that pinecone-text needs
	touch $@ $(VENV)/demo.stamp

clean:
	rm -rf build dist $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
