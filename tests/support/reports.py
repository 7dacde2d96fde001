"""What tests of the reconciliation ask of a report, and the pasts they damage."""

from collections import Counter

from comun.ids import requested_at
from comun.messages import Hop
from experimento.reconciliation.findings import Kind, Report, Witness
from experimento.reconciliation.id_columns import Ids
from experimento.reconciliation.reconcile import reconcile
from tests.support.witnesses import Row, World

SEEDS = range(20)


def judged(world: World, ids: list[str] | None = None) -> Report:
    report = reconcile(world.evidence(), None if ids is None else Ids.from_texts(ids))
    ends = report.available + report.unavailable + report.unanswered + report.in_flight + report.lost_checks
    assert ends == report.checks  # every check ends in exactly one class
    return report


def named(report: Report, kind: Kind, witness: Witness, hop: Hop | None, owner: str) -> bool:
    """Tell whether a finding names this owner, certainly or as a candidate."""
    name = f"write_log {owner}" if owner.startswith("task-") else owner
    what = (kind, witness, hop)
    return any((f.kind, f.witness, f.hop) == what and name in f.ids for f in report.findings)


def counted(report: Report, **kinds: int) -> None:
    """Exactly so many findings of these kinds, and none of any other."""
    assert {kind.value: count for kind, count in report.counts.items() if count} == kinds
    assert report.clean == (not kinds)


def past(seed: int) -> World:
    """A past whose present files hold enough lines to damage some."""
    while len((world := World(seed, 30)).logs) < 20 or len(world.answers) < 8:
        seed += 1_000
    return world


def an_answered(world: World) -> Row:
    """A row whose lines are all in the present files, and that shares no time with another."""
    times = Counter(map(requested_at, world.rows))
    rows = [r for r in world.rows.values() if r.line is not None and not r.archived and times[requested_at(r.id)] == 1]
    return world.rng.choice(rows)
