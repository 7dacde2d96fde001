"""What a fault did, measured on made-up runs, and the documents of Chaos Toolkit."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from chaoslib.experiment import ensure_experiment_is_valid

from comun.ids import new_id
from comun.messages import Status
from experimento.exits import Exit
from experimento.faults import table
from experimento.faults.catalogue import FAULTS, NOTHING, Fault
from experimento.faults.experiment import Load, experiment, failed, is_steady_after, moments
from experimento.faults.outcome import Result, longest_outage, result, shortfalls
from experimento.faults.play import Played
from experimento.runs.records import Outcome, Record
from experimento.runs.run_folder import Run
from experimento.runs.trails import Trail

SECOND = 1_000_000
START = 1_795_000_000 * SECOND
INJECTED, UNDONE = START + 7 * SECOND, START + 12 * SECOND
USERS = 20


def record(at: int, user: int, outcome: Outcome = Outcome.ACCEPTED, took: int = 20_000) -> Record:
    return Record(new_id(at, user), at, at, at + took, outcome, 200 if outcome is Outcome.ACCEPTED else 503, user=user)


def every_quarter(until: int = 24 * SECOND) -> Iterator[tuple[int, int]]:
    """Each user's requests: a time and the user."""
    for at in range(START, START + until, SECOND // 4):
        for user in range(USERS):
            yield at + user * 1_000, user


def run_of(records: Sequence[Record], whole: dict[str, int] | None = None, **found: int) -> Run:
    """A reconciled run; `whole` says of some ids how long their checks took, the others took 50 ms."""
    known = whole or {}
    trails = {
        each.id: Trail(Status.AVAILABLE, (each.intended, *[each.intended + known.get(each.id, 50_000)] * 4))
        for each in records
        if each.outcome is Outcome.ACCEPTED and each.id
    }
    reconciliation: dict[str, Any] = {kind: {"count": found.get(kind, 0)} for kind in ("lost", "duplicated")}
    return Run("run", list(records), trails, {**reconciliation, "lost_checks": found.get("lost_checks", 0)})


def judged(run: Run, fault: str = "platform-pause") -> tuple[Result, list[str]]:
    found = result(FAULTS[fault], run, INJECTED, UNDONE, unknown=0, steady=True)
    return found, shortfalls(FAULTS[fault], found)


def test_a_fault_that_nobody_felt_is_met_and_recovered_at_its_end() -> None:
    found, wrong = judged(run_of([record(at, user) for at, user in every_quarter()]))
    assert wrong == []
    assert (found.recovery, found.outage, found.lost) == (0, 20_000, 0)
    assert [part.service.ratio for part in (found.before, found.during, found.after, found.whole)] == [1.0] * 4


def test_requests_refused_while_it_lasts_count_during_and_the_service_is_back_at_its_end() -> None:
    def outcome(at: int) -> Outcome:
        return Outcome.REFUSED if INJECTED <= at < UNDONE else Outcome.ACCEPTED

    found, wrong = judged(run_of([record(at, user, outcome(at)) for at, user in every_quarter()]))
    assert (found.before.service.ratio, found.during.service.ratio, found.after.service.ratio) == (1.0, 0.0, 1.0)
    assert found.recovery == 0
    assert found.outage == 5 * SECOND + 20_000  # from the first refused one to the one that was accepted
    assert wrong == ["service"]
    assert judged(run_of([record(at, user, outcome(at)) for at, user in every_quarter()]), "broker-pause")[1] == []


@pytest.mark.parametrize(("longer", "is_slow"), [(2, False), (6, True)])
def test_a_service_that_is_back_later_than_the_fault_ends_recovers_then(longer: int, is_slow: bool) -> None:
    back = UNDONE + longer * SECOND
    made = [
        record(at, user, Outcome.REFUSED if UNDONE <= at < back else Outcome.ACCEPTED) for at, user in every_quarter()
    ]
    found, wrong = judged(run_of(made), "broker-pause")
    assert found.recovery is not None
    assert back - SECOND < UNDONE + found.recovery <= back
    assert wrong == []  # the broker's faults have ten seconds
    assert ("recovery" in judged(run_of(made))[1]) is is_slow


def test_a_service_that_never_comes_back_has_no_recovery() -> None:
    made = [record(at, user, Outcome.REFUSED if at > INJECTED else Outcome.ACCEPTED) for at, user in every_quarter()]
    found, wrong = judged(run_of(made), "broker-pause")
    assert found.recovery is None
    assert wrong == ["recovery"]


def test_a_backlog_of_the_fault_counts_until_it_is_gone_and_one_of_later_does_not() -> None:
    made = [record(at, user) for at, user in every_quarter()]
    drained = UNDONE + 3 * SECOND
    late = {each.id: drained - each.intended for each in made if each.id and INJECTED <= each.intended < drained}
    found, _wrong = judged(run_of(made, late))
    assert found.recovery is not None
    assert abs(UNDONE + found.recovery - drained) <= 200_000
    again = {each.id: 2 * SECOND for each in made if each.id and each.intended > UNDONE + 6 * SECOND}
    assert judged(run_of(made, again))[0].recovery == 0


def test_what_is_lost_or_there_twice_breaks_the_accounting_whatever_else_holds() -> None:
    made = [record(at, user) for at, user in every_quarter()]
    for found in ({"lost": 1}, {"lost_checks": 1}, {"duplicated": 2}):
        assert judged(run_of(made, **found))[1] == ["accounting"]
    played = Played(FAULTS[NOTHING], None, judged(run_of(made, lost=3))[0])
    assert table.exit_code([played]) is Exit.BROKEN
    assert "la contabilidad no cuadra" in table.as_markdown([played])


def test_a_check_that_nobody_has_answered_in_the_end_is_neither_lost_nor_met() -> None:
    run = run_of([record(at, user) for at, user in every_quarter()])
    found, wrong = judged(replace(run, reconciliation={"in_flight": 2}))
    assert (found.held, wrong) == (2, ["held"])
    assert "2 siguen sin respuesta" in table.verdict(Played(FAULTS["platform-pause"], run, found))


def test_one_clients_outage_is_not_the_sum_of_two_clients() -> None:
    made = [record(START, 1), record(START + SECOND, 1, Outcome.FAILED), record(START + 3 * SECOND, 1)]
    made += [record(START + 2 * SECOND, 2, Outcome.FAILED), record(START + 4 * SECOND, 2)]
    assert longest_outage(made) == 2 * SECOND + 20_000
    assert longest_outage([each._replace(user=None) for each in made]) == 0


def test_there_are_more_than_thirty_faults_each_a_valid_experiment_that_json_can_hold() -> None:
    assert len(FAULTS) > 30
    assert all(name == fault.name for name, fault in FAULTS.items())
    for fault in FAULTS.values():
        document = json.loads(json.dumps(experiment(fault, Load(), "/out")))
        ensure_experiment_is_valid(document)


def journal(**changed: Any) -> dict[str, Any]:
    """What the engine writes of an experiment that was played whole."""
    runs = [
        {"activity": {"name": name}, "status": "succeeded", "output": output}
        for name, output in (("load", 0), ("inject", {"at": INJECTED}), ("undo", {"at": UNDONE}))
    ]
    steady = {"before": {"steady_state_met": True, "probes": []}, "after": {"steady_state_met": True, "probes": []}}
    return {"status": "completed", "run": runs, "steady_states": steady, **changed}


def test_a_whole_experiment_says_when_it_began_and_ended() -> None:
    assert failed(journal()) == []
    assert moments(journal()) == (INJECTED, UNDONE)
    assert is_steady_after(journal())
    assert not is_steady_after(journal(steady_states={"before": None, "after": None}))


def test_an_experiment_that_the_engine_calls_completed_and_never_began_has_failed() -> None:
    """Exit 0 and "completed" is what it says when the steady state was out of tolerance before."""
    probe = {"activity": {"name": "steady"}, "status": "succeeded", "output": False, "tolerance_met": False}
    steady = {"before": {"steady_state_met": False, "probes": [probe]}}
    assert failed(journal(run=[], steady_states=steady)) == ["antes de empezar no se cumplía: steady"]


def test_an_action_that_failed_is_told_with_its_reason() -> None:
    runs = journal()["run"]
    runs[1] |= {"status": "failed", "output": None, "exception": ["Traceback", "SuiteError: no está en marcha", ""]}
    assert failed(journal(run=runs)) == ["inject: no está en marcha"]
    played = Played(FAULTS[NOTHING], failed=tuple(failed(journal(run=runs))))
    assert table.exit_code([played]) is Exit.UNAVAILABLE


def test_the_page_has_a_picture_of_each_fault_and_escapes_what_others_wrote() -> None:
    made = run_of([record(at, user) for at, user in every_quarter()])
    good = Played(FAULTS["platform-kill"], made, judged(made)[0])
    bad = Played(replace(FAULTS[NOTHING], title="<b>"), failed=("<script>",))
    page = table.as_page([good, bad], Load(), "python -m experimento faults run platform-kill")
    assert page.count("<svg") == 1
    assert "<script>" not in page
    assert "<b>&lt;" not in page
    assert table.exit_code([good]) is Exit.MET


def test_a_fault_is_not_of_any_system_when_it_needs_ours() -> None:
    of_any = {fault.name for fault in FAULTS.values() if fault.of_any}
    assert {"platform-kill", "broker-refuse", NOTHING} <= of_any
    assert not of_any & {"receptor-slow", "link-cut", "clock-back", "api-overload"}


def test_what_cannot_be_undone_is_not_done_to_somebodys_suite() -> None:
    here = {fault.name for fault in FAULTS.values() if fault.here}
    assert {"platform-kill", "broker-memory", "receptor-down"} <= here
    assert not here & {"logs-file-deleted", "logs-disk-full", "link-cut", "hosts-cut"}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_each_row_says_what_is_done_in_words_of_its_own(fault: Fault) -> None:
    assert fault.title
    assert [other for other in FAULTS.values() if other.title == fault.title] == [fault]
