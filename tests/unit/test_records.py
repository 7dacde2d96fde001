import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from comun import language
from comun.errors import ConfigurationError
from experimento.runs import records
from experimento.runs.records import Outcome, Record, UnreadableRun

RECORD = Record("0190b6c0-0000-7000-8000-000000000001", 1_000, 1_010, 1_200, Outcome.ACCEPTED, 200)
FAILED = Record(None, 500, None, 700, Outcome.FAILED, None, "conexión rechazada")
NOW = datetime(2026, 11, 23, 9, 5, 7).astimezone()


def save(path: Path, *what: Record) -> None:
    with path.open("w", encoding="utf-8") as file:
        records.write(file, what)


def test_a_line_has_exactly_the_published_fields() -> None:
    assert json.loads(RECORD.to_line()) == {
        "id": RECORD.id,
        "intended": 1_000,
        "sent": 1_010,
        "done": 1_200,
        "outcome": "accepted",
        "code": 200,
    }


def test_records_come_back_as_they_were_written_in_the_order_of_their_intended_times(tmp_path: Path) -> None:
    save(tmp_path / "records.jsonl", RECORD, FAILED)
    assert records.read(tmp_path) == [FAILED, RECORD]


def test_the_records_of_several_load_machines_are_merged(tmp_path: Path) -> None:
    save(tmp_path / "records-b.jsonl", FAILED)
    save(tmp_path / "records-a.jsonl", RECORD)
    assert records.read(tmp_path) == [FAILED, RECORD]


def test_a_last_line_that_a_killed_writer_left_half_written_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text(RECORD.to_line() + FAILED.to_line()[:30])
    assert records.read(tmp_path) == [RECORD]


@pytest.mark.parametrize("line", ["nada\n", "[]\n", '{"id": null}\n', RECORD.to_line().replace("accepted", "maybe")])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "records.jsonl").write_text(RECORD.to_line() + line)
    with pytest.raises(UnreadableRun, match=r"records\.jsonl, línea 2"):
        records.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", 5),
        ("intended", None),
        ("sent", "1"),
        ("done", 1e300),
        ("code", {}),
        ("reason", [1]),
        ("reason", "\ud800"),
    ],
)
def test_a_value_that_cannot_be_in_a_record_is_named(tmp_path: Path, name: str, value: object) -> None:
    (tmp_path / "records.jsonl").write_text(json.dumps({**json.loads(RECORD.to_line()), name: value}) + "\n")
    with pytest.raises(UnreadableRun, match=rf"línea 1: no es un registro \(el valor de «{name}» no es válido\)"):
        records.read(tmp_path)


def test_a_broken_line_is_named_in_english_too(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text("nada\n" + RECORD.to_line())
    with language.speaking("en"), pytest.raises(UnreadableRun, match=r"line 1: is not a record \(is not JSON\)"):
        records.read(tmp_path)


def test_a_folder_without_records_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRun, match="no hay ningún archivo"):
        records.read(tmp_path)


def test_latest_points_at_the_last_run_and_no_run_overwrites_another(tmp_path: Path) -> None:
    first = records.make_folder(tmp_path / "runs", "carga", NOW)
    second = records.make_folder(tmp_path / "runs", "carga", NOW)
    assert (first.name, second.name) == ("20261123-090507-carga", "20261123-090507-carga-2")
    assert records.find_folder(tmp_path / "runs" / "latest") == second


def test_latest_is_a_file_where_links_are_not_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("sin privilegio")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    run = records.make_folder(tmp_path, "carga", NOW)
    assert records.find_folder(tmp_path / "latest") == run


def test_a_folder_that_does_not_exist_is_said_to(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRun, match="no existe"):
        records.find_folder(tmp_path / "nada")


def test_a_name_that_is_too_long_for_a_folder_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "latest").write_text("x" * 300)
    for path in (tmp_path / ("x" * 300), tmp_path / "latest"):
        with pytest.raises(UnreadableRun, match="el nombre es demasiado largo"):
            records.find_folder(path)


def test_the_plan_comes_back_and_its_absence_is_no_error(tmp_path: Path) -> None:
    assert records.read_plan(tmp_path) == {}
    records.write_document(tmp_path / records.PLAN, {"url": "http://127.0.0.1:5000/status"})
    assert records.read_plan(tmp_path) == {"url": "http://127.0.0.1:5000/status"}


def test_lateness_and_latency_count_from_the_intended_time() -> None:
    assert (RECORD.lateness, RECORD.latency) == (10, 200)
    assert (FAILED.lateness, FAILED.latency) == (0, 200)


def test_the_files_of_a_run_are_made_without_following_a_link(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "run.json").symlink_to(tmp_path / "theirs")
    records.write_document(tmp_path / "run.json", {"url": "x"})
    assert records.read_plan(tmp_path) == {"url": "x"}
    assert (tmp_path / "theirs").read_text() == "theirs"


@pytest.mark.parametrize("make", [lambda path: path.symlink_to(path.parent / "theirs"), os.mkfifo])
def test_what_is_no_file_is_not_read_as_a_runs(tmp_path: Path, make: Callable[[Path], None]) -> None:
    save(tmp_path / "theirs", RECORD)
    make(tmp_path / "records.jsonl")
    with pytest.raises(UnreadableRun, match=r"No se puede leer .*records.jsonl: (es un enlace|no es un archivo)"):
        records.read(tmp_path)
    make(tmp_path / "run.json")
    with pytest.raises(UnreadableRun, match=r"No se puede leer .*run.json"):
        records.read_plan(tmp_path)


@pytest.mark.parametrize("name", ["", ".", "..", "../runs"])
def test_latest_never_stands_for_the_folder_it_is_in_or_one_above(tmp_path: Path, name: str) -> None:
    (tmp_path / "latest").write_text(f"{name}\n")
    with pytest.raises(UnreadableRun, match="no señala ninguna carpeta que esté a su lado"):
        records.find_folder(tmp_path / "latest")


@pytest.mark.parametrize("is_link", [True, False])
def test_latest_points_at_its_neighbours_only(tmp_path: Path, is_link: bool) -> None:
    out = tmp_path / "runs"
    run = records.make_folder(out, "load", NOW)
    assert records.find_folder(out / "latest") == run.resolve()
    (tmp_path / "elsewhere").mkdir()
    (out / "latest").unlink()
    if is_link:
        (out / "latest").symlink_to(tmp_path / "elsewhere")
    else:
        (out / "latest").write_text("../elsewhere\n")
    with pytest.raises(UnreadableRun, match="no señala ninguna carpeta que esté a su lado"):
        records.find_folder(out / "latest")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "<b>", "ñ", "x\n", "x" * 65, "\x1b[0m"])
def test_a_run_is_not_called_what_could_be_a_path_or_a_tag(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="un nombre tiene de 1 a 64"):
        records.make_folder(tmp_path, name, NOW)
    assert list(tmp_path.iterdir()) == []
    assert records.make_folder(tmp_path, "Carga-1.2_x", NOW).name == "20261123-090507-Carga-1.2_x"
