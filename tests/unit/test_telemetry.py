import json
from itertools import pairwise

import pytest

from comun.ids import new_id
from comun.messages import Check, Hop, Route, Status
from monitor.watching.telemetry import encode, spans_of, tracer

FIRST = 1_795_000_000_000_123


def check(status: Status = Status.AVAILABLE, number: int = 1) -> Check:
    trail = (FIRST, FIRST + 1) if status is Status.UNANSWERED else tuple(FIRST + 1_000 * hop for hop in range(5))
    return Check(new_id(FIRST, number), status, trail)


def test_an_answered_check_is_one_trace_with_a_span_for_the_whole_and_for_each_hop():
    spans = [span for _, span in spans_of(check())]
    assert {span["traceId"] for span in spans} == {check().id.replace("-", "")}
    assert len({span["spanId"] for span in spans}) == len(spans) == 5
    assert [span["name"] for span in spans[1:]] == [route.task for route in Route if route.hop]
    root = spans[0]
    assert "parentSpanId" not in root
    assert {span["parentSpanId"] for span in spans[1:]} == {root["spanId"]}
    assert (root["startTimeUnixNano"], root["endTimeUnixNano"]) == (f"{FIRST}000", f"{FIRST + 4_000}000")
    for before, after in pairwise(spans[1:]):
        assert before["endTimeUnixNano"] == after["startTimeUnixNano"]


def test_identifiers_have_the_lengths_that_the_protocol_asks_for():
    for _, span in spans_of(check()):
        assert len(bytes.fromhex(span["traceId"])) == 16
        assert len(bytes.fromhex(span["spanId"])) == 8
        assert int(span["spanId"], 16)


@pytest.mark.parametrize(("status", "code"), [(Status.AVAILABLE, 1), (Status.UNAVAILABLE, 1), (Status.UNANSWERED, 2)])
def test_only_a_check_without_an_answer_is_an_error(status: Status, code: int):
    [(_, root), *hops] = spans_of(check(status))
    assert root["status"]["code"] == code
    assert len(hops) == (0 if status is Status.UNANSWERED else 4)


def test_spans_are_grouped_by_the_component_they_belong_to():
    message = json.loads(json.dumps(encode([check(), check(number=2)])))
    services = {
        resource["resource"]["attributes"][0]["value"]["stringValue"]: resource["scopeSpans"][0]["spans"]
        for resource in message["resourceSpans"]
    }
    assert {name: len(spans) for name, spans in services.items()} == {
        Hop.REQUESTED.component: 4,
        Hop.RELAYED.component: 4,
        Hop.ANSWERED.component: 2,
    }


def test_clocks_that_differ_make_no_span_that_ends_before_it_starts():
    first = check()
    odd = first._replace(trail=(first.trail[0], *(time - 500_000 for time in first.trail[1:])))
    assert all(int(span["endTimeUnixNano"]) >= int(span["startTimeUnixNano"]) for _, span in spans_of(odd))


def test_without_a_collector_nothing_is_done():
    assert tracer("")([check()]) is None
