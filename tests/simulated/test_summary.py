import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from comun.figures import percent
from comun.messages import Status
from experimento.exits import Exit
from experimento.judgement import report
from experimento.judgement.measures import measure, share_of_time
from experimento.judgement.requirements import DEFAULT, parse
from experimento.judgement.summary import summarize
from experimento.runs import records, run_folder
from experimento.runs.events import Event, Kind
from experimento.runs.latency import HOPS
from experimento.runs.records import UnreadableRun
from experimento.runs.run_folder import Run
from experimento.runs.trails import Trail
from tests.support.made_run import START, make_run, reconcile, write_run

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schemas/summary-1.json").read_text(encoding="utf-8"))


def judged(run: Run, *texts: str) -> dict[str, Any]:
    """Summarize, through JSON and past the schema, as a reader of the file gets it."""
    summary = summarize(run, [parse(text) for text in texts or DEFAULT])
    document: dict[str, Any] = json.loads(json.dumps(summary, allow_nan=False))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    return document


def verdicts(summary: dict[str, Any]) -> dict[str, str]:
    return {item["text"]: item["verdict"] for item in summary["requirements"]}


def altered(run: Run, trail: Trail, number: int = 0, **findings: int) -> Run:
    """Give one check another trail, and reconcile once more."""
    trails = dict(run.trails)
    trails[list(trails)[number]] = trail
    return replace(run, trails=trails, reconciliation=reconcile(trails, **findings))


def test_a_good_run_is_met() -> None:
    summary = judged(make_run(1000))
    assert verdicts(summary) == {"service>=99%": "met", "lost==0": "met"}
    assert (summary["verdict"], summary["exit"]) == ("met", Exit.MET)
    assert summary["service"]["good"] == summary["service"]["total"] == 1000
    assert summary["requirements"][0]["reason"].endswith("mientras los fallos no lleguen en grupos de más de 2")


def test_a_small_run_is_inconclusive_and_says_what_would_settle_it() -> None:
    summary = judged(make_run(100))
    assert (summary["verdict"], summary["exit"]) == ("inconclusive", Exit.INCONCLUSIVE)
    assert summary["requirements"][0]["more"] == 2000
    assert "unas 2 000 peticiones más" in summary["requirements"][0]["reason"].replace("\u202f", " ")


@pytest.mark.parametrize(
    "run",
    [make_run(25), make_run(1000, fails=lambda number: 300 <= number < 500)],
    ids=["few", "one long outage"],
)
def test_too_few_independent_requests_are_said_in_the_place_of_an_interval(run: Run) -> None:
    """Of 25 requests nobody can tell how they depend on one another, and one outage of 200 is one event."""
    summary = judged(run, "service>=50%")
    item = summary["requirements"][0]
    assert (item["verdict"], item["low"], item["high"]) == ("inconclusive", None, None)
    assert (summary["service"]["bounded"], summary["service"]["low"], summary["service"]["high"]) == (False, 0, 1)
    said = "demasiado pocas peticiones independientes para un intervalo"
    assert said in item["reason"]
    for form in ("text", "markdown"):
        page = report.render(summary, form)
        assert f"servicio: {percent(summary['service']['ratio'])}; {said}" in page
    page = report.render(summary, "html")
    assert page.count(said.capitalize()) >= 2  # beside the figure and where the bar of the interval would be
    assert "service,interval,too few independent requests" in report.render(summary, "csv")
    assert "service,low" not in report.render(summary, "csv")


def test_a_closed_run_whose_time_misses_what_its_requests_meet_is_inconclusive() -> None:
    """One request hangs and nobody asks for half of the run: by request one in a thousand."""
    run = make_run(1000, fails=lambda number: number == 499, gap=20_000)
    late = [r if place < 500 else r._replace(intended=r.intended + 20_000_000) for place, r in enumerate(run.records)]
    waiting = replace(run, records=late, plan={**run.plan, "model": "closed"})
    item = judged(waiting, "service>=99%")["requirements"][0]
    assert item["by_time"] == pytest.approx(0.5, abs=0.01)
    assert item["verdict"] == "inconclusive"
    assert "por petición de estos usuarios (modelo cerrado); por tiempo, el 49" in item["reason"]
    locust = replace(waiting, plan={**run.plan, "model": "locust"})  # whose users wait as well
    assert judged(locust, "service>=99%")["requirements"][0]["verdict"] == "inconclusive"
    asked = replace(run, plan={**run.plan, "model": "closed"})
    assert judged(asked, "service>=99%")["verdict"] == "met"
    assert judged(replace(waiting, plan={**run.plan, "model": "open"}), "service>=99%")["verdict"] == "met"


def test_a_share_of_time_speaks_for_moments_and_not_for_requests() -> None:
    times = np.array([0, 1, 2, 3, 1_000_000, 1_000_001, 2_000_000])
    good = np.array([True, True, True, False, False, False, True])
    assert share_of_time(times, good) == pytest.approx((0.75 + 0) / 2)
    assert share_of_time(times[:4], good[:4]) is share_of_time(times[:0], good[:0]) is None


def test_a_bad_run_is_not_met() -> None:
    summary = judged(make_run(400, fails=lambda number: number % 10 == 0))
    assert (summary["verdict"], summary["exit"]) == ("not_met", Exit.NOT_MET)
    assert summary["requests"]["reasons"] == [{"reason": "503: Sobrecarga", "count": 40}]


def test_the_two_availabilities_are_never_mixed() -> None:
    summary = judged(make_run(1000, available=0.5), "service>=99%", "reported>=40%")
    assert summary["service"]["ratio"] == 1.0
    assert summary["reported"]["ratio"] == pytest.approx(0.5, abs=0.05)
    assert set(verdicts(summary).values()) == {"met"}


def test_the_instrument_checks_itself_against_what_the_receptor_is_set_to() -> None:
    assert judged(make_run(1000))["reported"]["fits"] is True
    run = make_run(1000)
    wrong = replace(run, plan={**run.plan, "receptor_availability": 0.99})
    assert judged(wrong)["reported"]["fits"] is False
    assert judged(replace(run, plan={}))["reported"]["fits"] is None


def test_an_answer_after_the_deadline_is_no_service_but_was_reported() -> None:
    run = make_run(500)
    first = next(iter(run.trails.values()))
    times = tuple(time for time in first.times if time is not None)
    late = altered(run, Trail(first.status, (*times[:4], times[4] + 31_000_000)))
    summary = judged(late)
    assert summary["service"]["good"] == 499
    assert summary["reported"]["total"] == 500
    assert judged(replace(late, plan={**late.plan, "deadline": 60}))["service"]["good"] == 500


@pytest.mark.parametrize("status", [None, Status.UNANSWERED])
def test_an_accepted_check_without_an_answer_is_no_service(status: Status | None) -> None:
    run = make_run(500)
    first = run.records[0].intended
    summary = judged(altered(run, Trail(status, (first, first + 9, None, None, None))))
    assert summary["requests"]["accepted"] == 500
    assert summary["service"]["good"] == 499
    assert summary["reported"]["total"] == 499
    assert summary["latency"]["get"]["count"] == 500
    assert summary["latency"]["end_to_end"]["count"] == 499
    assert summary["trails"][-1]["rank"] is None


def test_an_unreconciled_run_is_judged_by_what_its_client_saw() -> None:
    summary = judged(Run("sin conciliar", make_run(1000).records), "service>=99%", "p99<1s", "reported>=1%", *DEFAULT)
    assert summary["service"]["basis"] == "accepted"
    assert summary["reported"] is summary["accounting"] is None
    assert verdicts(summary) == {
        "service>=99%": "met",
        "p99<1s": "met",
        "reported>=1%": "inconclusive",
        "lost==0": "inconclusive",
    }
    assert (
        verdicts(judged(Run("x", make_run(1000).records), "end_to_end_p50<1s"))["end_to_end_p50<1s"] == "inconclusive"
    )


@pytest.mark.parametrize("kind", ["lost", "duplicated", "unexpected", "altered"])
def test_any_disagreement_of_the_witnesses_breaks_the_accounting(kind: str) -> None:
    run = make_run(1000)
    broken = replace(run, reconciliation=reconcile(dict(run.trails), **{kind: 2}))
    summary = judged(broken, "service>=99%")
    assert (summary["verdict"], summary["exit"]) == ("met", Exit.BROKEN)
    assert summary["accounting"][kind]["count"] == 2
    assert summary["accounting"][kind]["samples"][0]["hop"] == "relayed"
    assert len(summary["accounting"][kind]["samples"][0]["trail"]) == 5
    assert verdicts(judged(broken, f"{kind}==0")) == {f"{kind}==0": "not_met"}


def test_ends_that_do_not_add_up_break_the_accounting() -> None:
    run = make_run(1000)
    summary = judged(replace(run, reconciliation={**(run.reconciliation or {}), "accepted": 1001}))
    assert summary["accounting"]["balanced"] is False
    assert summary["exit"] == Exit.BROKEN


def test_a_percentile_is_judged_as_a_share_and_a_request_without_answer_is_over_any_limit() -> None:
    fast, failing = make_run(1000), make_run(1000, fails=lambda number: number % 20 == 0)
    assert verdicts(judged(fast, "p99<100ms")) == {"p99<100ms": "met"}
    assert verdicts(judged(fast, "p99<1ms")) == {"p99<1ms": "not_met"}
    item = judged(failing, "p99<100ms")["requirements"][0]
    assert (item["verdict"], item["observed"]) == ("not_met", None)


def test_a_request_without_an_answer_is_longer_than_any_percentile_that_falls_on_it() -> None:
    row = judged(make_run(1000, fails=lambda number: number % 20 == 0))["latency"]["end_to_end"]
    assert row["p90"] < 30_000
    assert row["p95"] < 100_000  # exactly 95 % were answered
    assert (row["p99"], row["max"], row["unanswered"], row["count"]) == (None, None, 0.05, 950)
    unknown = judged(Run("sin conciliar", make_run(100).records), "service>=99%")["latency"]
    assert (unknown["get"]["unanswered"], unknown["end_to_end"]["unanswered"]) == (0, None)


def test_the_hops_of_each_shown_trail_add_up_to_its_end_to_end_time() -> None:
    summary = judged(make_run(300))
    shown = {trail["rank"]: trail["trail"][-1] - trail["intended"] for trail in summary["trails"]}
    assert shown == {rank: summary["latency"]["end_to_end"][rank] for rank in ("p50", "p90", "p99", "max")}


def test_the_hops_of_every_check_add_up_to_its_end_to_end_time() -> None:
    run = make_run(200, fails=lambda number: number % 7 == 0)
    stages = measure(run).stages
    total = sum(stages[hop] for hop in HOPS)
    assert np.array_equal(total, stages["end_to_end"], equal_nan=True)
    for row, record in enumerate(run.records):
        trail = run.trails.get(record.id or "")
        times = (record.intended, *(trail.complete or ())) if trail else ()
        assert [float(stages[hop][row]) for hop in HOPS if times] == [b - a for a, b in pairwise(times)]
        assert np.isnan(stages["get"][row]) == (not times)


def test_a_run_that_may_stop_early_is_decided_by_the_sequential_test() -> None:
    stopped = judged(make_run(408, sequential=True, planned=1000), "service>=99%")
    assert stopped["verdict"] == "met"
    assert stopped["requirements"][0]["decided_after"] == 408
    assert "prueba secuencial tras 408 peticiones" in stopped["requirements"][0]["reason"]
    assert stopped["requirements"][0]["reason"].endswith("mientras los fallos sean independientes")
    too_early = judged(make_run(400, sequential=True, planned=1000), "service>=99%")
    assert too_early["verdict"] == "inconclusive"  # 400 of a fixed run would do; not if one may look at any time
    to_the_end = judged(make_run(400, sequential=True, planned=400), "service>=99%")
    assert to_the_end["verdict"] == "met"


def test_the_timeline_holds_every_request_and_ends_in_the_interval_that_is_judged() -> None:
    summary = judged(make_run(2000, fails=lambda number: 900 < number < 912))
    timeline = summary["timeline"]
    assert sum(timeline["total"]) == 2000
    assert sum(timeline["good"]) == summary["service"]["good"]
    for name in ("ratio", "low", "high"):
        assert timeline[name][-1] == pytest.approx(summary["service"][name])
    assert len({len(timeline[name]) for name in ("total", "good", "ratio", "low", "high")}) == 1
    assert summary["service"]["effect"] > 5


def test_a_long_run_has_no_more_points_than_a_chart_can_show() -> None:
    assert len(judged(make_run(500, gap=60_000_000))["timeline"]["total"]) <= 200


def test_a_run_without_requests_proves_nothing() -> None:
    summary = judged(Run("vacía", []), "service>=99%", "p99<1s", "lost==0")
    assert (summary["verdict"], summary["service"]["ratio"]) == ("inconclusive", None)


def test_a_folder_gives_back_the_run_and_merges_the_files_of_several_machines(tmp_path: Path) -> None:
    run = make_run(200, name="carpeta")
    folder = write_run(run, tmp_path / "carpeta")
    assert judged(run_folder.read(folder)) == judged(run)
    with (folder / "records-otra.jsonl").open("w", encoding="utf-8") as file:
        records.write(file, make_run(50, seed=9).records)
    assert judged(run_folder.read(folder))["requests"]["intended"] == 250


def test_a_damaged_reconciliation_is_named(tmp_path: Path) -> None:
    folder = write_run(make_run(5), tmp_path / "run")
    (folder / run_folder.RECONCILIATION).write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableRun, match=r"reconciliation\.json: no es JSON"):
        run_folder.read(folder)


def test_an_early_verdict_that_the_whole_run_contradicts_is_refused() -> None:
    run = make_run(500, fails=lambda number: number >= 410 and number % 2 == 0, sequential=True, planned=1000)
    summary = judged(run, "service>=99%")
    assert summary["verdict"] == "inconclusive"
    assert "pero la ejecución entera la contradice" in summary["requirements"][0]["reason"]


def test_latency_over_time_has_a_value_a_step_and_none_where_nobody_was_answered() -> None:
    run = make_run(2000, fails=lambda number: 400 <= number < 600)
    timeline = judged(run)["timeline"]
    assert set(timeline["latency"]) == {"get", "end_to_end"}
    for ranks in timeline["latency"].values():
        assert set(ranks) == {"p50", "p99"}
        for values in ranks.values():
            assert len(values) == len(timeline["total"])
            assert [value is None for value in values] == [good == 0 for good in timeline["good"]]


def test_latency_over_time_is_that_of_the_requests_of_each_step() -> None:
    run = make_run(400, gap=100_000)
    timeline = judged(run)["timeline"]
    slot = int(timeline["step"] * 1e6)
    for place, value in enumerate(timeline["latency"]["get"]["p50"]):
        within = [each for each in run.records if (each.intended - timeline["start"]) // slot == place]
        latencies = sorted(each.latency or 0 for each in within)
        assert value == latencies[(len(latencies) + 1) // 2 - 1]


def test_what_happened_is_read_back_from_the_folder(tmp_path: Path) -> None:
    happened = [Event(Kind.ENDED, "logs", START, -9)]
    run = replace(make_run(100, events_from="supervisor"), events=happened)
    found = judged(run_folder.read(write_run(run, tmp_path / "run")))
    assert found["events"]["list"] == [{"kind": "ended", "name": "logs", "at": START, "code": -9, "detail": ""}]
    assert found["events"]["source"] == "supervisor"


def test_requests_that_were_not_accepted_are_stretches_of_time() -> None:
    run = make_run(2000, fails=lambda number: number in (0, 100, 1000))
    stretches = judged(run)["events"]["stretches"]
    assert [(stretch["from"] - START, stretch["to"] - START, stretch["refused"]) for stretch in stretches] == [
        (0, 500_000, 2),
        (5_000_000, 5_000_000, 1),
    ]
