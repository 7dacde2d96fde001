"""The report as one HTML file that needs no network: template, style, script and uPlot are put into it."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from comun.figures import count, decimal, percent
from comun.language import _, current, ngettext
from comun.settings import ROOT
from experimento.exits import Exit
from experimento.judgement import wording
from experimento.judgement.faults import clock, tell
from experimento.judgement.judging import is_closed
from experimento.judgement.made_with import MODELS, rows
from experimento.judgement.report_text import headline
from experimento.judgement.verdict import Verdict
from experimento.reconciliation.findings import END_TITLES, FINDING_TITLES
from experimento.runs.events import Kind
from experimento.runs.latency import END_TO_END, GET, HOPS, PERCENTILES
from experimento.runs.run_folder import ENDS, FINDINGS

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_BAD = (
    Kind.ENDED,
    Kind.STOPPED,
    Kind.KILLED,
    Kind.GIVEN_UP,
    Kind.LOST,
    Kind.INJECTED,
    Kind.NOTED,
)  # marks of two kinds
_GOOD = (Kind.READY, Kind.BACK, Kind.UNDONE)
_STATES = {Exit.MET: "met", Exit.NOT_MET: "not_met", Exit.INCONCLUSIVE: "inconclusive", Exit.BROKEN: "broken"}


def render_html(summary: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(percent=percent, count=count, duration=wording.duration, moment=_moment,
        latency=wording.latency, source=_source, clock=clock, sentence=_sentence)  # fmt: skip
    environment.globals.update(
        _=_, ngettext=ngettext, language=current(), decimal=decimal, between=wording.between,
        inlined=_inlined, placed=_Placed(), by_time=wording.BY_TIME, too_few=wording.too_few, new_look=wording.NEW_LOOK,
        more_reasons=wording.more_reasons,
        stages=wording.STAGE_TITLES, stage_names=wording.STAGE_NAMES, hops=HOPS, get=GET,
        end_to_end=END_TO_END, outcomes=wording.OUTCOME_TITLES, ends={name: _(END_TITLES[name]) for name in ENDS},
        findings={name: _(FINDING_TITLES[name]) for name in FINDINGS}, ranks=list(PERCENTILES),
        verdicts={verdict.value: verdict.text for verdict in Verdict},
    )  # fmt: skip
    target, reported = _target(summary), summary["reported"]
    return environment.get_template("report.html").render(
        summary,
        headline=headline(summary),
        state=_STATES[Exit(summary["exit"])],
        load=_load(summary["run"]),
        closed=wording.CLOSED if is_closed(summary["run"]["plan"]) else None,
        target=target,
        service_floor=_floor(summary["service"], target),
        reported_floor=_floor(reported, reported and reported["setting"]),
        faults=tell(summary),
        made_with=rows(summary["run"]),
        marks=_marks(summary),
        splits=[_split(trail) for trail in summary["trails"]],
    )


class _Placed:
    """Rules for what is placed by figures: the page's policy lets no element have a style of its own."""

    def __init__(self) -> None:
        self._rules: list[str] = []

    def __call__(self, rule: str) -> Markup:
        """Keep a rule, and return the attribute that it applies to."""
        self._rules.append(rule)
        return Markup(' data-place="{}"').format(len(self._rules)).strip()

    def rules(self) -> Markup:
        """Return all of them; they hold numbers only."""
        return Markup("\n".join(f'[data-place="{n}"] {{{rule}}}' for n, rule in enumerate(self._rules, 1)))  # noqa: S704


def _source(text: str) -> Markup:
    """Return what the policy calls the one script or style that is this text."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup("'sha256-{}'").format(digest)


def _inlined(name: str) -> Markup:
    """Return a file of this repository as it is (uPlot: the panel's); it never holds anything of the run's."""
    return Markup((ROOT / name).read_text(encoding="utf-8"))  # noqa: S704


def _sentence(text: str) -> str:
    """Begin a text with a capital."""
    return text[:1].upper() + text[1:]


def _moment(microseconds: int) -> str:
    """Write a time in UTC; the page's script turns it into the reader's own."""
    return f"{datetime.fromtimestamp(microseconds / 1e6, UTC):%Y-%m-%d %H:%M:%S.%f}"


def _load(run: Mapping[str, Any]) -> str:
    plan = run["plan"]
    parts = [MODELS[plan["model"]]] if plan.get("model") in MODELS else []
    if "threads" in plan and "requests" in plan:
        threads = ngettext("{n} hilo", "{n} hilos", plan["threads"], n=count(plan["threads"]))
        requests = ngettext("{n} petición", "{n} peticiones", plan["requests"], n=count(plan["requests"]))
        parts.append(f"{threads} × {requests}")
    if "rate" in plan:
        parts.append(_("{n} peticiones/s previstas", n=wording.number(plan["rate"])))
    if run["rate"]:
        time = wording.duration(run["seconds"] * 1e6)
        parts.append(_("{n} peticiones/s durante {time}", n=count(run["rate"]), time=time))
    return " · ".join(parts)


def _marks(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is drawn on the time axis, in seconds from its start: what fails, what recovers, and stretches."""
    events, start = summary["events"], summary["timeline"]["start"]
    broker = [each for each in events["list"] if each["kind"] in (Kind.LOST, Kind.BACK)]
    gaps = [(one["at"], other["at"]) for one, other in pairwise(broker) if one["kind"] == Kind.LOST]
    spans = [*gaps, *((stretch["from"], stretch["to"]) for stretch in events["stretches"])]
    return {
        "bad": [(each["at"] - start) / 1e6 for each in events["list"] if each["kind"] in _BAD],
        "good": [(each["at"] - start) / 1e6 for each in events["list"] if each["kind"] in _GOOD],
        "spans": [[(first - start) / 1e6, (last - start) / 1e6] for first, last in spans],
    }


def _target(summary: Mapping[str, Any]) -> float | None:
    """Return the share that the service was required to reach, for the line in the chart."""
    return next((item["target"] for item in summary["requirements"] if item["subject"] == "service"), None)


def _floor(found: Mapping[str, Any] | None, mark: float | None) -> float:
    """Return where an axis of shares starts, so that the interval and the mark can be told apart."""
    room = 1 - min(found["low"] if found else 0.0, 1.0 if mark is None else mark)
    return next((1 - step for step in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if room * 1.1 <= step), 0.0)


def _split(trail: Mapping[str, Any]) -> dict[str, Any]:
    """Split a trail into the time each hop took, None from the hop it did not reach on."""
    times = [trail["intended"], *trail["trail"]]
    steps = [None if before is None or after is None else after - before for before, after in pairwise(times)]
    known = [time for time in times if time is not None]
    total = known[-1] - known[0]
    return {**trail, "steps": dict(zip(HOPS, steps, strict=True)), "total": total}
