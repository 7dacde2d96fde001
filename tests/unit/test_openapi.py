import json
import re
from typing import Any
from unittest.mock import create_autospec

import pytest
from flask import Flask
from jsonschema import Draft202012Validator, FormatChecker
from prometheus_client import CollectorRegistry

from comun import language
from comun.ids import new_id
from comun.messages import Check, Status
from comun.outbox import Outbox
from comun.receptor_choice import Choice
from experimento.runs import records
from monitor.intake import Intake
from monitor.results import Results
from monitor.showing import history, panel_state, runs_api
from monitor.showing.api import Sources, make_api
from monitor.showing.openapi import describe_api, document
from monitor.showing.panel import Panel, tag
from monitor.showing.run_process import RunProcess
from monitor.showing.runs import Runs
from monitor.showing.runs_api import RunSources, make_runs_api
from monitor.showing.snapshot import nothing
from monitor.watching.alerts import Flip, Receptor, flip_event
from monitor.watching.counter_store import CounterStore
from monitor.watching.events import Event
from monitor.watching.journal import Journal
from monitor.web import create_app
from tests.support.words import spanish

NOW = 1_795_000_000.25
DOCUMENT = describe_api()


def check(component: str, value: object) -> None:
    schema = {"$ref": f"#/components/schemas/{component}", "components": DOCUMENT["components"]}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(json.dumps(value)))


def make_app() -> Flask:
    app = create_app(
        **{
            name: create_autospec(kind, instance=True)
            for name, kind in {"intake": Intake, "outbox": Outbox, "results": Results}.items()
        }
    )
    sources = Sources(
        panel=create_autospec(Panel, instance=True),
        figures=create_autospec(CounterStore, instance=True),
        journal=create_autospec(Journal, instance=True),
        outbox=create_autospec(Outbox, instance=True),
        metrics=CollectorRegistry(),
        target=0.99,
    )
    app.register_blueprint(make_api(sources))
    runs = RunSources(create_autospec(Runs, instance=True), create_autospec(RunProcess, instance=True), has_token=False)
    app.register_blueprint(make_runs_api(runs))
    return app


def full_state() -> dict[str, Any]:
    plan = panel_state.plan(NOW)
    first = int(NOW * 1e6) - 5_000_000
    checks = [
        Check(new_id(first, 1), Status.AVAILABLE, tuple(range(first, first + 5))),
        Check(new_id(first, 2), Status.UNANSWERED, (first, first + 1)),
    ]
    flip = flip_event(Flip(first, Status.AVAILABLE, Status.UNAVAILABLE))
    facts = nothing(plan.chunks)._replace(
        recent=checks,
        events=[flip, {"at": NOW, "kind": "restart", "text": "…"}],
        receptor=Receptor(Status.UNAVAILABLE, since=first),
        receptor_choice=Choice("", "bernoulli?p=0.9", 0.9, 0.0, ""),
        workers=[{"role": "logs", "beat": NOW}],
        depths={"platform": 3, "callcenter": 0, "monitor": 0, "logs": 0},
        queue_ages={"platform": first},
        outbox=2,
        oldest=first,
        legs=[1] * 128,
    )
    return panel_state.compose(facts, plan, now=NOW, target=0.99, broker_ok=True)


def test_every_component_is_a_valid_schema():
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere_and_every_component_is_used():
    found = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert found == set(DOCUMENT["components"]["schemas"])


def test_every_route_is_described_and_nothing_else():
    rules = {re.sub(r"<(?:\w+_)?(\w+)>", r"{\1}", rule.rule) for rule in make_app().url_map.iter_rules()}
    assert set(DOCUMENT["paths"]) == rules - {"/static/<path:filename>"}


def test_no_route_takes_anything_but_a_question_except_to_start_and_to_stop_a_run():
    """Those keep to rules of their own: see "A panel that starts runs" in docs/operations.md."""
    acting = {rule.rule for rule in make_app().url_map.iter_rules() if rule.methods - {"GET", "HEAD", "OPTIONS"}}
    assert acting == {"/api/runs", "/api/runs/<run_id>/stop"}


def test_the_state_is_what_is_described():
    check("State", full_state())


def test_the_state_of_a_store_nobody_has_read_is_what_is_described():
    plan = panel_state.plan(NOW)
    check("State", panel_state.compose(nothing(plan.chunks), plan, now=NOW, target=0.99, broker_ok=False))


@pytest.mark.parametrize("span", [0, 1, 59, 300, 3_600, 86_400, 31_536_000, 99_999_999])
def test_a_history_is_what_is_described_and_has_a_bearable_number_of_points(span):
    plan = history.plan(int(NOW) - span, int(NOW), int(NOW))
    flip = flip_event(Flip(int(NOW * 1e6) - 1_000_000, Status.AVAILABLE, Status.UNAVAILABLE))
    restart: Event = {"at": NOW - 1, "kind": "restart", "text": "…"}
    events = [flip, restart, {**restart, "at": NOW - 200_000_000}]
    answer = history.compose(
        plan, nothing(plan.chunks).chunks, events, watched_since=None, sketches={key: [] for key in plan.sketched}
    )
    check("History", answer)
    assert len(answer["points"]) <= history.MOST_POINTS
    assert len(answer["flips"]) == (span > 0)
    assert len(answer["events"]) == 2 * (span > 0)


def test_points_add_up_to_the_counters_of_their_buckets():
    plan = history.plan(int(NOW) - 1_000, int(NOW), int(NOW))
    chunks = {chunk: [1] * chunk.level.slots * 64 for chunk in plan.chunks}
    points = history.compose(plan, chunks, [], None, sketches={key: [] for key in plan.sketched})["points"]
    assert {point["accepted"] for point in points} == {plan.step}
    assert [point["at"] for point in points] == list(range(points[0]["at"], int(NOW), plan.step))


def test_a_window_longer_than_a_year_or_in_the_future_is_cut():
    now = int(NOW)
    assert history.plan(0, 4_102_444_800, now)[:2] == (now + 1 - history.LONGEST, now + 1)
    assert history.plan(now + 50, now + 99, now)[:2] == (now + 1, now + 1)


def test_the_name_of_a_run_follows_one_rule_here_in_the_description_and_in_load():
    described = DOCUMENT["components"]["schemas"]["Order"]["properties"]["name"]["pattern"]
    names = ["a", "_", "9", "a.b-c_d", "a" * 64, "", "a" * 65, ".a", "-a", "a/b", "ñ", "a b", "a\n", "..", "<b>"]
    for name in names:
        allowed_here = records.NAME.fullmatch(name) is not None
        assert (runs_api.NAME.fullmatch(name) is not None) == allowed_here
        assert (re.fullmatch(described, name, re.ASCII) is not None) == allowed_here


def test_the_documentation_tells_every_path_without_script_or_anything_from_elsewhere():
    page = make_app().test_client().get("/docs").text
    assert "<script" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
    for path, item in DOCUMENT["paths"].items():
        for method in item:
            assert f"{method.upper()} {path}<" in page


def texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for key, each in value.items() if key not in ("pattern", "enum") for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


def test_in_english_the_document_and_its_page_have_not_a_word_of_spanish():
    with language.speaking("en"):
        described, page = document(), make_app().test_client().get("/docs").text
        state = full_state()
    assert described["info"]["title"] == "Monitor of the availability experiment"
    assert spanish([text for text in texts(described) if "$ref" not in text]) == []
    page = page.replace('lang="es">Español<', "><").replace("<td>es, en</td>", "")
    assert spanish(re.findall(r">([^<]+)<", page)) == []
    assert spanish([event["text"] for event in state["events"]] + [each["title"] for each in state["stations"]]) == []
    assert document() == DOCUMENT


def test_the_entity_tag_changes_with_what_happened_and_not_with_the_time():
    one = full_state()
    later = {**one, "now": NOW + 1, "timeline": {**one["timeline"]}}
    later["timeline"]["start"] += 1
    for name in ("available", "unavailable", "unanswered", "refused"):
        later["timeline"][name] = [*one["timeline"][name][1:], 0]
    assert tag(later) == tag(one)
    later["timeline"]["available"][-1] = 1
    assert tag(later) != tag(one)
