"""The rules of import and layout, read from the source: nothing is imported or run."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
ROLES = ("monitor", "plataforma_de_mensajes", "receptor_de_callcenter", "log_manager")
PACKAGES = ("comun", "experimento", *ROLES)
IO = {
    *("asyncio", "celery", "flask", "kombu", "logging", "multiprocessing", "os", "redis", "requests", "secrets"),
    *("shutil", "signal", "socket", "sqlite3", "subprocess", "tempfile", "threading", "time", "urllib"),
}
CLOCKS = {"now", "utcnow", "today"}
CHANCE = {"random.Random"}  # what a pure module may know of it: the type of an argument
# What connects, opens, starts or reads the clock as soon as it is called.
DOES_SOMETHING = {
    *("Bus", "Celery", "Intake", "Ledger", "Popen", "Random", "Redis", "Thread", "connect", "create_app", "from_url"),
    *("load", "load_or_exit", "SuiteCelery", "monotonic", "now", "open", "run", "time", "time_ns"),
}


class Module(NamedTuple):
    path: Path
    tree: ast.Module
    nodes: list[ast.AST]  # all of the tree's

    @property
    def package(self) -> str:
        return self.path.relative_to(ROOT).parts[0]

    @property
    def is_launcher(self) -> bool:
        return self.path.name == "app.py" and self.package in ROLES

    @property
    def name(self) -> str:
        """As it is imported."""
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts)

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    def imports(self) -> Iterator[str]:
        """The full name of everything imported, wherever the import stands."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self}: relative import"  # a launcher's folder is no package
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def read(path: Path) -> Module:
    tree = ast.parse(path.read_text())
    return Module(path, tree, list(ast.walk(tree)))


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    """A hundred thousand nodes, let go after these tests: every collection of garbage visits them."""
    return [read(path) for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def calls_at_import(tree: ast.Module) -> Iterator[str]:
    """The names of what is called when the module is imported: not inside a function, nor under `__main__`."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*node.decorator_list, node.args]
        elif isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            continue
        elif not isinstance(node, ast.Lambda):
            if isinstance(node, ast.Call):
                yield node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
            waiting += ast.iter_child_nodes(node)


def strangers(modules: list[Module], importer: str, *allowed: str) -> list[str]:
    """Imports between the project's packages that are not among the allowed ones."""
    return [
        f"{module} imports {name}"
        for module in modules
        if module.package == importer
        for name in module.imports()
        if name.split(".")[0] in {*PACKAGES, "tests", "benchmarks"} - {importer, *allowed}
    ]


def test_there_are_modules_to_look_at(modules: list[Module]) -> None:
    assert {module.package for module in modules} == set(PACKAGES)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_imports_no_other_role(modules: list[Module], role: str) -> None:
    assert strangers(modules, role, "comun") == []


def test_the_kernel_imports_nothing_of_the_project(modules: list[Module]) -> None:
    assert strangers(modules, "comun") == []


def test_the_experiment_imports_the_kernel_only(modules: list[Module]) -> None:
    assert strangers(modules, "experimento", "comun") == []


def test_the_way_of_a_check_is_at_the_top_of_the_monitor_and_knows_neither_watching_nor_showing(
    modules: list[Module],
) -> None:
    """Who counts is handed in (`Counting`); the launcher alone knows all three floors."""
    way = [module for module in modules if module.path.parent == ROOT / "monitor" and module.path.name != "__init__.py"]
    assert len(way) <= 10
    floors = [
        ("monitor.showing", "monitor/watching/"),
        *((f"monitor.{f}", "monitor/") for f in ("showing", "watching")),
    ]
    upward = [
        f"{module} imports {name}"
        for above, below in floors
        for module in modules
        if str(module.path.parent.relative_to(ROOT)) + "/" == below and not module.is_launcher
        for name in module.imports()
        if name.startswith(above)
    ]
    assert upward == []


FLOORS = ("runs", "supervision", "reconciliation", "judgement", "workload", "faults")  # each may import those before it


def test_no_package_of_the_experiment_imports_one_above_it(modules: list[Module]) -> None:
    above = {floor: FLOORS[place + 1 :] for place, floor in enumerate(FLOORS)}
    assert {path.parent.name for path in (ROOT / "experimento").glob("*/__init__.py")} == set(FLOORS)
    upward = [
        f"{module} imports {name}"
        for module in modules
        for name in module.imports()
        for floor in above.get(module.path.parent.name, ())
        if name.startswith(f"experimento.{floor}")
    ]
    assert upward == []


def test_what_another_package_uses_says_what_it_does(modules: list[Module]) -> None:
    """Of a helper that only its own package calls, the name has to be enough."""
    used = {
        name
        for module in modules
        for name in module.imports()
        if name.split(".")[0] in PACKAGES and not name.startswith(module.name.rpartition(".")[0] + ".")
    }
    silent = [
        f"{module.name}.{node.name}"
        for module in modules
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and f"{module.name}.{node.name}" in used
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_the_environment_is_read_for_the_settings_and_for_the_language_only(modules: list[Module]) -> None:
    readers = {
        str(module)
        for module in modules
        for node in module.nodes
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.environb", "os.getenv"})
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {a.name for a in node.names} & {"environ", "getenv"}
        )
    }
    assert readers == {"comun/settings.py", "comun/language.py"}


def test_no_module_of_a_role_is_named_like_an_installed_one(modules: list[Module]) -> None:
    """A role's folder comes first on the path of `cd monitor && celery -A app.celery worker`."""
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
    names = {module.path.stem: str(module) for module in modules if module.package in ROLES} | {r: r for r in PACKAGES}
    del names["__init__"]
    taken = {
        where
        for name, where in names.items()
        if name in sys.stdlib_module_names or PathFinder.find_spec(name, elsewhere)
    }
    assert taken == set()


def test_every_role_can_be_found_from_the_root() -> None:
    assert [role for role in ROLES if not (ROOT / role / "__init__.py").is_file()] == []


def test_what_an_import_calls_is_seen_and_what_it_only_defines_is_not() -> None:
    source = """
a = Bus(1)
@task(connect())
def f(x=load()):
    return open("no")
class C:
    b = time.time()
    def g(self): Thread()
h = lambda: Redis()
if __name__ == "__main__":
    run()
"""
    assert set(calls_at_import(ast.parse(source))) == {"Bus", "task", "connect", "load", "time"}


def test_nothing_happens_at_import_but_in_launchers(modules: list[Module]) -> None:
    doing = {
        f"{module} calls {name}"
        for module in modules
        if not module.is_launcher
        for name in calls_at_import(module.tree)
        if name in DOES_SOMETHING
    }
    assert doing == set()


def test_a_launcher_assembles_and_has_no_logic(modules: list[Module]) -> None:
    launchers = [module for module in modules if module.is_launcher]
    assert len(launchers) == len(ROLES)
    logic = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.While, ast.Try)
    assert [str(each) for each in launchers for node in each.nodes if isinstance(node, logic)] == []


def test_nobody_imports_a_launcher(modules: list[Module]) -> None:
    launchers = {f"{role}.app" for role in ROLES}
    importers = {
        str(module)
        for module in modules
        for name in module.imports()
        if name in launchers or name.rpartition(".")[0] in launchers
    }
    assert importers == {"log_manager/__init__.py"}  # `celery -A log_manager.celery` is a fixed command


def is_pure(module: Module) -> bool:
    """Whether the module's docstring says so, or it is one of the kernel's that everything pure rests on."""
    says_so = re.search(r"\bpure\b", ast.get_docstring(module.tree) or "", re.IGNORECASE)
    return bool(says_so) or str(module) in {"comun/ids.py", "comun/messages.py", "comun/errors.py"}


def test_pure_modules_know_no_outside_no_clock_and_no_chance(modules: list[Module]) -> None:
    pure = [module for module in modules if is_pure(module)]
    assert {"comun/messages.py", "log_manager/lines.py", "receptor_de_callcenter/availability.py"} <= set(
        map(str, pure)
    )
    imports = [f"{module} imports {name}" for module in pure for name in module.imports() if name.split(".")[0] in IO]
    clocks = [
        f"{module} calls {ast.unparse(node)}"
        for module in pure
        for node in module.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]
    chance = [
        f"{module} uses {used}"
        for module in pure
        for node in module.nodes
        if isinstance(node, ast.Attribute) and (used := ast.unparse(node)).startswith("random.") and used not in CHANCE
    ]
    assert imports + clocks + chance == []
