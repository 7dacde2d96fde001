from monitor.showing import snapshot
from monitor.showing.panel_state import compose, plan

NOW = 1_790_000_000.0


def test_loops_that_keep_failing_are_named_with_the_process_they_belong_to() -> None:
    beats = [
        {"role": "monitor", "beat": NOW - 1, "failing": {"resender": "ResponseError"}},
        {"role": "platform", "beat": NOW - 1},  # of an older version, which said nothing of its loops
        {"role": "logs", "beat": NOW - 60, "failing": {"heartbeat": "OSError"}},  # gone: no longer now
    ]
    poll = plan(NOW)
    state = compose(snapshot.nothing(poll.chunks)._replace(workers=beats), poll, now=NOW, target=0.99, broker_ok=True)
    assert state["failing"] == [{"process": "monitor", "loop": "resender", "error": "ResponseError"}]


def test_what_the_broker_refused_is_added_up_over_the_processes() -> None:
    beats = [
        {"role": "monitor", "beat": NOW - 1, "refused": {"MISCONF": 2, "OOM": 1}},
        {"role": "logs", "beat": NOW - 60, "refused": {"MISCONF": 3}},  # what it met counts after its end
        {"role": "platform", "beat": NOW - 1},
    ]
    poll = plan(NOW)
    state = compose(snapshot.nothing(poll.chunks)._replace(workers=beats), poll, now=NOW, target=0.99, broker_ok=True)
    assert state["refused"] == [{"code": "MISCONF", "commands": 5}, {"code": "OOM", "commands": 1}]
