# Each target says what it does in `make help`. Everything happens in venv/, which is made when it is missing.
PYTHON ?= python3
PORT ?=
JOBS ?= 4# test files at once: most of them wait for processes
BIN := venv/bin
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --annotation-style line \
	--custom-compile-command 'make lock' $(UPGRADE)

# The language that is asked for, as comun/language.py chooses it: $(call say,en español,in English); $(,) is a comma.
, := ,
ASKED := $(subst :, ,$(LANGUAGE):$(LC_ALL):$(LC_MESSAGES):$(LANG))
SPOKEN := $(firstword $(filter es en,$(foreach each,$(ASKED),$(firstword $(subst _, ,$(subst ., ,$(each)))))) es)
say = $(if $(filter en,$(SPOKEN)),$(2),$(1))

.DEFAULT_GOAL := help
.PHONY: help run test test-unit coverage lint bench assets tour catalogues faults lock sbom clean

help: ## Muestra esta lista | Shows this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r name es en; do \
		printf '  make %-10s %s\n' "$$name" "$${$(SPOKEN)# }"; done

run: venv/.requirements ## Arranca toda la suite (make run PORT=8080 elige otro puerto); Ctrl-C la detiene en orden| Starts the whole suite (make run PORT=8080 chooses another port); Ctrl-C stops it in order
	@exec $(BIN)/python -m experimento up $(if $(PORT),--port $(PORT))

test: venv/.requirements-dev ## Ejecuta todas las pruebas, menos las largas de make faults| Runs every test but the long ones of make faults
	@exec $(BIN)/python -m pytest -m "not slow" -n $(JOBS) --dist worksteal --durations=15

test-unit: venv/.requirements-dev ## Ejecuta solo las pruebas unitarias: unos segundos, sin broker| Runs the unit tests only: some seconds, no broker
	@exec $(BIN)/python -m pytest tests/unit

coverage: venv/.requirements-dev ## Ejecuta las pruebas de make test y dice qué líneas no pasa ninguna| Runs the tests of make test and says which lines none of them passes
	@$(BIN)/python -m coverage erase
	@ended=0; $(BIN)/python -m coverage run -m pytest -m "not slow" -n $(JOBS) --dist worksteal || ended=$$?; \
		$(BIN)/python -m coverage combine --quiet; $(BIN)/python -m coverage report; exit $$ended

lint: venv/.requirements-dev ## Revisa estilo y tipos: ruff y mypy| Checks style and types: ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: venv/.requirements-dev ## Mide el rendimiento: las cifras del README| Measures the performance: the figures of the README
	@exec $(BIN)/python -m benchmarks

assets: venv/.requirements-dev ## Hace de nuevo las imágenes del README con el programa de verdad| Makes the pictures of the README anew with the real program
	@exec $(BIN)/python assets/make_assets.py

tour: venv/.requirements-dev ## Sigue una consulta de verdad, función por función, y escribe docs/tour.md| Follows a real check, function by function, and writes docs/tour.md
	@exec $(BIN)/python -m tests.support.tour

catalogues: venv/.requirements-dev ## Recoge los textos del programa, para traducirlos en comun/locale, y compila lo traducido| Gathers the texts of the program, to be translated in comun/locale, and compiles them
	@exec $(BIN)/python -m tests.support.catalogues

faults: venv/.requirements-dev ## Ejecuta las pruebas largas (matar procesos una y otra vez) y deja la tabla de fallos| Runs the long tests (killing processes again and again) and leaves the table of faults
	@exec $(BIN)/python -m pytest -m slow -rP tests/acceptance

lock: venv/.requirements-dev ## Fija de nuevo cada paquete con sus sumas (make lock UPGRADE=--upgrade toma lo más nuevo)| Pins every package with its hashes anew (make lock UPGRADE=--upgrade takes the newest)
	$(LOCK) -o requirements.txt requirements.in
	$(LOCK) -c requirements.txt -o requirements-dev.txt requirements-dev.in

sbom: | venv/bin/python ## Escribe sbom.cdx.json: qué paquetes y archivos ajenos se distribuyen (CycloneDX)| Writes sbom.cdx.json: which packages and files of others are distributed (CycloneDX)
	$(BIN)/python deploy/sbom.py > sbom.cdx.json

clean: ## Borra venv/ y lo que dejan las herramientas; los datos (var/, runs/, logs.txt) se quedan| Removes venv/ and what the tools leave; the data (var/, runs/, logs.txt) stays
	rm -rf venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps say which requirements venv/ has; pip runs again only when a file has changed.
venv/.requirements: requirements.txt | venv/bin/python
	@echo "$(call say,Instalando requirements.txt en venv/ con pip; la primera vez tarda cerca de un minuto…,Installing requirements.txt into venv/ with pip; the first time it takes about a minute…)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

venv/.requirements-dev: requirements-dev.txt venv/.requirements
	@echo "$(call say,Instalando requirements-dev.txt en venv/ con pip…,Installing requirements-dev.txt into venv/ with pip…)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		found=$$($(PYTHON) -c 'import platform; print("$(call say,es la,is)", platform.python_version())' 2>/dev/null); \
		echo "$(call say,Hace falta Python 3.11 o posterior$(,) y,Python 3.11 or later is needed$(,) and)" \
			"$(PYTHON) $${found:-$(call say,no está,is not there)}. $(call say,Con otro,With another one):" \
			"make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "$(call say,Creando,Creating) venv/…"
	@$(PYTHON) -m venv --clear venv || { rm -rf venv; \
		echo "$(call say,No se pudo crear venv/. En Debian y Ubuntu falta el paquete:,venv/ cannot be created. On Debian and Ubuntu a package is missing:)" \
			"apt install python3-venv" >&2; exit 1; }
