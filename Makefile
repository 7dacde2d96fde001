# Each target says what it does in `make help`. Everything happens in venv/, which is made when it is missing.
PYTHON ?= python3
PORT ?=
JOBS ?= 4# test files at once: most of them wait for processes
BIN := venv/bin
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --annotation-style line \
	--custom-compile-command 'make lock' $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help run test test-unit lint bench assets tour catalogues faults lock sbom clean

help: ## Muestra esta lista
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r name text; do \
		printf '  make %-10s %s\n' "$$name" "$$text"; done

run: venv/.requirements ## Arranca toda la suite (make run PORT=8080 elige otro puerto); Ctrl-C la detiene en orden
	@exec $(BIN)/python -m experimento up $(if $(PORT),--port $(PORT))

test: venv/.requirements-dev ## Ejecuta todas las pruebas, menos las largas de make faults
	@exec $(BIN)/python -m pytest -m "not slow" -n $(JOBS) --dist worksteal --durations=15

test-unit: venv/.requirements-dev ## Ejecuta solo las pruebas unitarias: unos segundos, sin broker
	@PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 exec $(BIN)/python -m pytest -p pytest_timeout tests/unit # the others cost 5 s of CPU

lint: venv/.requirements-dev ## Revisa estilo y tipos: ruff y mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: venv/.requirements-dev ## Mide el rendimiento: las cifras del README
	@exec $(BIN)/python -m benchmarks

assets: venv/.requirements-dev ## Hace de nuevo las imágenes del README con el programa de verdad
	@exec $(BIN)/python assets/make_assets.py

tour: venv/.requirements-dev ## Sigue una consulta de verdad, función por función, y escribe docs/tour.md
	@exec $(BIN)/python -m tests.support.tour

catalogues: venv/.requirements-dev ## Recoge los textos del programa, para traducirlos en comun/locale, y compila lo traducido
	$(BIN)/python -m tests.support.catalogues

faults: venv/.requirements-dev ## Ejecuta las pruebas largas (matar procesos una y otra vez) y deja la tabla de fallos
	@exec $(BIN)/python -m pytest -m slow -rP tests/acceptance

lock: venv/.requirements-dev ## Fija de nuevo cada paquete con sus sumas (make lock UPGRADE=--upgrade toma lo más nuevo)
	$(LOCK) -o requirements.txt requirements.in
	$(LOCK) -c requirements.txt -o requirements-dev.txt requirements-dev.in

sbom: | venv/bin/python ## Escribe sbom.cdx.json: qué paquetes y archivos ajenos se distribuyen (CycloneDX)
	$(BIN)/python deploy/sbom.py > sbom.cdx.json

clean: ## Borra venv/ y lo que dejan las herramientas; los datos (var/, runs/, logs.txt) se quedan
	rm -rf venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps say which requirements venv/ has; pip runs again only when a file has changed.
venv/.requirements: requirements.txt | venv/bin/python
	@echo "Instalando requirements.txt en venv/ con pip; la primera vez tarda cerca de un minuto…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

venv/.requirements-dev: requirements-dev.txt venv/.requirements
	@echo "Instalando requirements-dev.txt en venv/ con pip…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		found=$$($(PYTHON) -c 'import platform; print("es la", platform.python_version())' 2>/dev/null); \
		echo "Hace falta Python 3.11 o posterior, y $(PYTHON) $${found:-no está}. Con otro:" \
			"make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Creando venv/…"
	@$(PYTHON) -m venv --clear venv || { rm -rf venv; \
		echo "No se pudo crear venv/. En Debian y Ubuntu falta el paquete: apt install python3-venv" >&2; exit 1; }
