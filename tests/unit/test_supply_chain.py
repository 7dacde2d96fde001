"""What ships is known to the byte: packages locked with hashes, files of others with checksums, one list of both."""

import hashlib
import importlib.util
import json
import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
CODE = ("comun", "monitor", "plataforma_de_mensajes", "receptor_de_callcenter", "log_manager", "experimento")
LOCKS = ("requirements", "requirements-dev")
NEEDED_BY_HAND = {"locust"}  # the load of several machines; `locustfile.py` is for those who have it


@cache
def sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "deploy" / "sbom.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def locked(name: str) -> dict[str, str]:
    """Each package of a lock and its version."""
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / f"{name}.txt").read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in pins}


def asked_for(name: str) -> list[Requirement]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / f"{name}.in").read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


def imported() -> set[str]:
    """The top-level names that the program imports and neither it nor Python brings."""
    paths = [ROOT / "test_monitor.py", *(path for package in CODE for path in (ROOT / package).rglob("*.py"))]
    line = re.compile(r"^ *(?:from (\w+)[\w.]* import |import (\w+))", re.MULTILINE)
    names = {one or other for path in paths for one, other in line.findall(path.read_text())}
    return names - sys.stdlib_module_names - set(CODE)


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_one_version_with_its_hashes(name: str) -> None:
    text = re.sub(r"^ *#.*\n", "", (ROOT / f"{name}.txt").read_text(), flags=re.MULTILINE)
    entry = r"[\w.-]+==\S+(?: ; [^\\\n]+)? \\\n(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
    assert re.sub(entry, "", text) == ""


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_was_asked_for_in_that_version(name: str) -> None:
    asked = {canonicalize_name(each.name): str(each.specifier) for each in asked_for(name)}
    pins = locked(name)
    assert asked == {package: f"=={pins.get(package)}" for package in asked}


def test_what_runs_and_what_tests_have_the_same_versions() -> None:
    runtime, tests = locked("requirements"), locked("requirements-dev")
    assert {name: tests.get(name) for name in runtime} == runtime


def test_every_imported_distribution_is_locked() -> None:
    known, pins = packages_distributions(), locked("requirements").keys()
    names = imported() - NEEDED_BY_HAND
    assert names
    assert {name for name in names if not {canonicalize_name(each) for each in known.get(name, [])} & pins} == set()


def test_everything_that_installs_insists_on_the_hashes() -> None:
    installs = re.findall(r"pip install .*", (ROOT / "Makefile").read_text())
    assert installs
    assert [line for line in installs if "--require-hashes" not in line] == []


def test_every_vendored_file_is_the_one_that_was_taken() -> None:
    lines = (ROOT / "deploy" / "vendored.sha256").read_text().splitlines()
    known = {path: digest for digest, path in (line.split("  ") for line in lines if not line.startswith("#"))}
    found = {str(path.relative_to(ROOT)) for where in (*CODE, "tests") for path in (ROOT / where).rglob("vendor/*")}
    assert known.keys() == found
    assert len({*known.values()}) == len(known)  # none stands here twice
    assert {path: hashlib.sha256((ROOT / path).read_bytes()).hexdigest() for path in known} == known


def test_a_vendored_library_says_its_own_version() -> None:
    heads = {"uplot": ROOT / "monitor/static/vendor/uPlot.iife.min.js", "axe-core": ROOT / "tests/vendor/axe.min.js"}
    text = (ROOT / "deploy" / "vendored.sha256").read_text()
    libraries = {each["name"]: each["version"] for each in sbom().vendored(text)}
    assert libraries.keys() == heads.keys()
    assert [name for name, version in libraries.items() if version not in heads[name].read_text()[:100]] == []


def test_the_bill_of_materials_holds_every_package_and_vendored_file_and_is_always_the_same() -> None:
    document = json.loads(text := sbom().bill())
    assert text == sbom().bill()
    packages = {each["name"]: each for each in document["components"] if each["purl"].startswith("pkg:pypi/")}
    assert {name: each["version"] for name, each in packages.items()} == locked("requirements")
    hashes = [each["content"] for found in packages.values() for each in found["externalReferences"][0]["hashes"]]
    assert sorted(hashes) == sorted(re.findall(r"sha256:(\w{64})", (ROOT / "requirements.txt").read_text()))
    assert {each["purl"] for each in document["components"]} >= {"pkg:npm/uplot@1.6.32", "pkg:npm/axe-core@4.14.1"}


def test_the_bill_of_materials_keeps_to_its_schema() -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom().bill()) is None


def test_the_licence_is_the_originals_line_and_grants_nothing() -> None:
    licence = (ROOT / "LICENSE").read_text()
    assert licence.startswith("Copyright © MISW4202.\n")
    assert "no concede permiso alguno" in licence


def test_both_languages_of_the_security_page_have_the_same_parts() -> None:
    spanish, english = ((ROOT / name).read_text() for name in ("SECURITY.md", "SECURITY.en.md"))
    assert spanish.count("\n## ") == english.count("\n## ") == 5
    said = re.compile(r"`[^`]+`|\]\((?!SECURITY)[^)]+\)")
    assert said.findall(spanish.replace(".es.md", ".md")) == said.findall(english)
