import subprocess
from pathlib import Path

import pytest

from comun.settings import Settings
from experimento.runs import records, shape
from experimento.supervision import surroundings


def git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, "-C", str(root), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_code_is_the_commit_and_what_was_changed_since(tmp_path: Path) -> None:
    git(tmp_path, "init")
    file = tmp_path / "file"
    file.write_text("one\n")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "first")
    clean = surroundings.code(tmp_path)
    assert clean == {"commit": git(tmp_path, "rev-parse", "HEAD"), "changes": None}
    file.write_text("two\n")
    two = surroundings.code(tmp_path)
    file.write_text("three\n")
    three = surroundings.code(tmp_path)
    assert two["commit"] == three["commit"] == clean["commit"]
    assert two["changes"] and three["changes"] and two["changes"] != three["changes"]


def test_outside_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    assert surroundings.code(tmp_path) == {"commit": None, "changes": None}
    (tmp_path / ".git").write_text("nothing\n")
    assert surroundings.code(tmp_path) == {"commit": None, "changes": None}


def test_what_is_told_has_the_shape_that_a_runs_plan_may_have() -> None:
    told = {"of": "suite", **surroundings.of_machine(), **surroundings.of_suite(Settings(monitor_port=8080))}
    shape.check({"made_with": told}, records._PLAN)
    assert told["settings"] == {"MONITOR_PORT": "8080"}
    assert {"python", "celery", "kombu", "redis"} <= told["versions"].keys()
    assert told["machine"]["cores"] >= 1


def test_a_broker_that_does_not_answer_has_no_version() -> None:
    assert surroundings.broker_version("redis://127.0.0.1:1/0") is None


@pytest.mark.parametrize("made_with", [[], {"versions": {"python": 3}}, {"settings": []}, {"machine": {"cores": "2"}}])
def test_what_has_another_shape_is_refused(made_with: object) -> None:
    with pytest.raises(TypeError, match="no es válido"):
        shape.check({"made_with": made_with}, records._PLAN)
