"""Alerts (pure): which answers make the receptor's state flip, and when to say so again.

One failure in ten is normal at a receptor of 90 %, so a single answer decides nothing: it takes `failures` failed
answers in a row to go down and `successes` to come back. With independent answers that fail with probability p, a
false flip starts at a given answer with probability (1 - p)·p^failures. The watcher looks at no more than
RECENT answers a second (the last ones, under load), so with p = 0.1 and the default of 10 failures there are at most
200 · 86,400 · 0.9 · 1e-10 = 0.0016 false flips a day: one in 1.8 years under load that never ends, one in 1,700
years at a check each 5 s.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypedDict

from comun.ids import new_id, requested_at
from comun.messages import Check, Status
from monitor.watching.events import Event, noted


class Alert(TypedDict):
    """What a channel delivers; `since` in epoch seconds."""

    kind: Literal["flip", "reminder"]
    status: str
    since: float
    text: str


class Thresholds(NamedTuple):
    """How many answers of the other kind in a row it takes to believe them."""

    failures: int
    successes: int


class Flip(NamedTuple):
    """A change of state: since `at` (microseconds), the first of the answers that made it believed."""

    at: int
    before: Status
    after: Status


@dataclass(frozen=True, slots=True)
class Receptor:
    """What is believed of the receptor, and what speaks against it."""

    status: Status | None = None  # None: no answer yet
    since: int = 0  # microseconds
    against: int = 0  # answers of the other kind, in a row
    against_since: int = 0  # microseconds; the first of them
    last: str = ""  # id of the last answer looked at
    overdue: str = ""  # id of the last check that counted as a failed answer because its deadline had passed
    said: float = 0.0  # epoch seconds; when the last alert or reminder was made

    @property
    def is_down(self) -> bool:
        return self.status in (Status.UNAVAILABLE, Status.UNANSWERED)


def follow(receptor: Receptor, checks: Sequence[Check], thresholds: Thresholds) -> tuple[Receptor, list[Flip]]:
    """Take in answers in the order in which they arrived; those up to the last one looked at are left out.

    No id and no clock decides what is new: one answer with a time in the future would hide all that follow.
    The very first answer is believed as it is and is no flip.
    """
    flips: list[Flip] = []
    ids = [check.id for check in checks]
    for check in checks[ids.index(receptor.last) + 1 :] if receptor.last in ids else checks:
        receptor = replace(receptor, last=check.id)
        counted = check.status is Status.UNANSWERED and check.id <= receptor.overdue
        if check.status is not None and not counted:
            receptor, flip = _take(receptor, check.status, check.trail[0], thresholds)
            flips += flip
    return receptor, flips


def follow_overdue(
    receptor: Receptor, ids: Iterable[str], until: float, thresholds: Thresholds
) -> tuple[Receptor, list[Flip]]:
    """Take in the checks in flight that were requested before a time (epoch seconds), each once, as failed answers.

    For while nobody is answered: their deadline has passed. A clock that was set back hides none.
    """
    flips: list[Flip] = []
    limit = new_id(int(until * 1e6), 0)
    known = receptor.overdue if receptor.overdue < limit else ""
    for check_id in sorted(each for each in ids if known < each < limit):
        receptor, flip = _take(receptor, Status.UNANSWERED, requested_at(check_id), thresholds)
        receptor = replace(receptor, overdue=check_id)
        flips += flip
    return receptor, flips


def is_silent(arrived: Sequence[Check], until: float) -> bool:
    """Tell whether the receptor has answered nobody since a time (epoch seconds): the last answers say it."""
    return all(check.trail[-1] / 1e6 < until for check in arrived if check.status is not Status.UNANSWERED)


def _take(receptor: Receptor, status: Status, at: int, thresholds: Thresholds) -> tuple[Receptor, list[Flip]]:
    before = receptor.status
    if before is None:
        return replace(receptor, status=status, since=at), []
    if (status is Status.AVAILABLE) != receptor.is_down:
        return replace(receptor, against=0), []
    since = receptor.against_since if receptor.against else at
    receptor = replace(receptor, against=receptor.against + 1, against_since=since)
    if receptor.against < (thresholds.successes if receptor.is_down else thresholds.failures):
        return receptor, []
    return replace(receptor, status=status, since=since, against=0), [Flip(since, before, status)]


def reminder_due(receptor: Receptor, now: float, interval: float) -> bool:
    """Tell whether it is time to say again that the receptor is down; an `interval` (seconds) of 0 means never."""
    return receptor.is_down and interval > 0 and now - receptor.said >= interval


def flip_event(flip: Flip) -> Event:
    before, after = flip.before.name.lower(), flip.after.name.lower()
    return noted(flip.at / 1e6, "flip", before=before, after=after)


def flip_alert(flip: Flip) -> Alert:
    return {"kind": "flip", "status": flip.after.name.lower(), "since": flip.at / 1e6, "text": flip_event(flip)["text"]}


def reminder(receptor: Receptor) -> Alert:
    """Return what is sent again about a receptor that is down."""
    status = receptor.status or Status.UNAVAILABLE
    text = f"El receptor de call center sigue en el estado «{status.text}»"
    return {"kind": "reminder", "status": status.name.lower(), "since": receptor.since / 1e6, "text": text}
