"""The report for a terminal, for a pull request and for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from comun.figures import count, percent
from comun.language import _
from comun.text import csv_cell, markdown
from experimento.exits import Exit
from experimento.judgement.faults import tell
from experimento.judgement.judging import is_closed
from experimento.judgement.made_with import rows
from experimento.judgement.verdict import Verdict
from experimento.judgement.wording import (
    BY_TIME,
    CLOSED,
    HEADLINES,
    NEW_LOOK,
    OUTCOME_TITLES,
    STAGE_TITLES,
    latency,
    more_reasons,
    too_few,
)
from experimento.reconciliation.findings import END_TITLES, FINDING_TITLES
from experimento.retold import LONGEST
from experimento.runs.run_folder import ENDS, FINDINGS
from experimento.screen import Paint, plain

Summary = Mapping[str, Any]

_SIGNS = {Verdict.MET: "✓", Verdict.NOT_MET: "✕", Verdict.INCONCLUSIVE: "≈"}
_COLOURS = {Verdict.MET: "green", Verdict.NOT_MET: "red", Verdict.INCONCLUSIVE: "yellow"}
EXIT_COLOURS = {Exit.MET: "green", Exit.NOT_MET: "red", Exit.INCONCLUSIVE: "yellow", Exit.BROKEN: "red"}
_RANKS = ("p50", "p90", "p99", "max")
_NO_INTERVAL = "too few independent requests"  # a figure of the CSV, whose words are English
_MISSING = _("sin respuesta")  # the share that no percentile of the answered ones would show


def render_text(summary: Summary, paint: Paint = plain) -> str:
    """Return what a terminal shows of a judged run: accounting, both availabilities, latency and the verdict last.

    `paint` colours the verdicts.
    """
    lines = [*_accounting_lines(summary), *_share_lines(summary), ""]
    lines.append(_("Latencia").ljust(36) + "".join(f"{rank:>11}" for rank in _RANKS) + f"{_MISSING:>16}")
    for stage, row in _latencies(summary):
        cells = "".join(f"{latency(row[rank]):>11}" for rank in _RANKS)
        lines.append(f"  {STAGE_TITLES[stage]:<34}{cells}{percent(row['unanswered']):>16}")
    lines += ["", _("Qué ocurrió entretanto:"), *(f"  {fault.sentence}" for fault in tell(summary))]
    if reasons := _reasons(summary):
        lines += ["", _("Por qué no se aceptaron:"), *(f"  {reason}" for reason in reasons)]
    *others, last = [f"{title}: {text}" for title, text in rows(summary["run"])]
    lines += ["", ". ".join(others), last, ""]
    lines += [_("Aviso: {warning}", warning=warning) for warning in _warnings(summary)]
    painted = paint(headline(summary), EXIT_COLOURS[Exit(summary["exit"])])
    lines.append(_("Veredicto: {verdict}", verdict=painted))
    for item in summary["requirements"]:
        verdict = Verdict(item["verdict"])
        said = paint(f"{_SIGNS[verdict]} {item['text']}: {verdict.text}", _COLOURS[verdict])
        lines.append(f"  {said} ({item['reason']})")
    return "\n".join(lines) + "\n"


def render_markdown(summary: Summary) -> str:
    """Return the report as a comment for a pull request."""
    lines = [f"## {headline(summary)} · {markdown(summary['name'])}", ""]
    titles = (_("Requisito"), _("Veredicto"), _("Por qué"))
    lines += [f"| | {' | '.join(titles)} |", "| --- | --- | --- | --- |"]
    for item in summary["requirements"]:
        verdict = Verdict(item["verdict"])
        lines.append(f"| {_SIGNS[verdict]} | `{item['text']}` | **{verdict.text}** | {item['reason']} |")
    lines += ["", *(f"- {line}" for line in (*_accounting_lines(summary), *_share_lines(summary)))]
    lines += [f"- {markdown(fault.sentence, LONGEST)}" for fault in tell(summary)]
    lines += [f"- {markdown(reason, LONGEST)}" for reason in _reasons(summary)]
    lines += [_("- **Aviso:** {warning}", warning=markdown(warning, LONGEST)) for warning in _warnings(summary)]
    columns = (_("Latencia"), *_RANKS, _MISSING)
    lines += ["", f"| {' | '.join(columns)} |", "| --- |" + " ---: |" * (len(_RANKS) + 1)]
    for stage, row in _latencies(summary):
        cells = " | ".join(latency(row[rank]) for rank in _RANKS)
        lines.append(f"| {STAGE_TITLES[stage]} | {cells} | {percent(row['unanswered'])} |")
    lines += ["", *(f"- {title}: {markdown(text, LONGEST)}" for title, text in rows(summary["run"]))]
    return "\n".join(lines) + "\n"


def render_csv(summary: Summary) -> str:
    """Return every figure as a row `section,subject,figure,value`; shares from 0 to 1, times in microseconds."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("section", "subject", "figure", "value"))
    model = summary["run"]["plan"].get("model")  # closed: every share and percentile is per request of its users
    writer.writerows(
        _rows("run", summary["name"], {**{name: summary[name] for name in ("verdict", "exit")}, "model": model})
    )
    for item in summary["requirements"]:
        figures = {
            name: item[name] for name in ("verdict", "observed", "target", "limit", "low", "high", "more", "by_time")
        }
        if item["effect"] and item["low"] is None:
            figures["interval"] = _NO_INTERVAL
        writer.writerows(_rows("requirement", item["text"], figures))
    for name in ("service", "reported"):
        figures = {key: value for key, value in (summary[name] or {}).items() if key not in ("basis", "bounded")}
        if figures and not summary[name]["bounded"]:
            figures |= {"low": None, "high": None, "interval": _NO_INTERVAL}
        writer.writerows(_rows("availability", name, figures))
    writer.writerows(_rows("requests", "", {name: summary["requests"][name] for name in ("intended", *OUTCOME_TITLES)}))
    if accounting := summary["accounting"]:
        writer.writerows(_rows("checks", "", {name: accounting[name] for name in ("accepted", *ENDS)}))
        writer.writerows(_rows("findings", "", {name: accounting[name]["count"] for name in FINDINGS}))
    for event in summary["events"]["list"]:
        writer.writerow(("event", csv_cell(event["name"]), event["kind"], event["at"]))
    for stage, row in summary["latency"].items():
        writer.writerows(_rows("latency", stage, row))
    return out.getvalue()


def headline(summary: Summary) -> str:
    """Say in a word or two how the run ended; broken accounting comes before any verdict."""
    return HEADLINES[Exit(summary["exit"])]


def _rows(section: str, subject: str, figures: Mapping[str, Any]) -> Iterable[tuple[str, str, str, Any]]:
    return ((section, csv_cell(subject), name, value) for name, value in figures.items() if value is not None)


def _accounting_lines(summary: Summary) -> list[str]:
    requests, accounting = summary["requests"], summary["accounting"]
    parts = [f"{title.lower()} {count(requests[name])}" for name, title in OUTCOME_TITLES.items()]
    lines = [_("Peticiones: {total} = {parts}", total=count(requests["intended"]), parts=" + ".join(parts))]
    if accounting is None:
        return [*lines, _("Consultas: la ejecución no se pudo conciliar")]
    shown = (name for name in ENDS if accounting[name] or name != "cut")  # few ledgers are cut: as `verify` does
    ends = " + ".join(f"{_(END_TITLES[name])} {count(accounting[name])}" for name in shown)
    lines.append(_("Consultas aceptadas: {total} = {parts}", total=count(accounting["accepted"]), parts=ends))
    found = [f"{_(FINDING_TITLES[name]).lower()} {count(accounting[name]['count'])}" for name in FINDINGS]
    return [*lines, _("Conciliación: {parts}", parts=", ".join(found))]


def _reasons(summary: Summary) -> list[str]:
    """Return a line a reason for which requests were not accepted, with its count, and how much is not shown."""
    requests = summary["requests"]
    lines = [f"{count(item['count'])} × {item['reason']}" for item in requests["reasons"]]
    return [*lines, more_reasons(requests["more_reasons"])] if requests["more_reasons"]["count"] else lines


def _share_lines(summary: Summary) -> list[str]:
    service, reported = summary["service"], summary["reported"]
    share = _share(service)
    if service["basis"] == "answered":
        lines = [_("Disponibilidad del servicio: {share} (atendidas a tiempo)", share=share)]
    else:
        told = _("Disponibilidad del servicio: {share} (aceptadas; no se pudo conciliar su respuesta)", share=share)
        lines = [told]
    if service["by_time"] is not None:
        share = percent(service["by_time"])
        lines.append(_("Disponibilidad del servicio por tiempo: {share} ({how})", share=share, how=BY_TIME))
    if reported is not None:
        told = _("Disponibilidad que informa el receptor: {share}", share=_share(reported))
        if reported["setting"] is not None:
            told += _(", configurado al {share}", share=percent(reported["setting"]))
        lines.append(told)
    return lines


def _share(found: Mapping[str, Any]) -> str:
    if not found["bounded"]:
        return f"{percent(found['ratio'])}; {too_few(found['total'] / found['effect'])}"
    return f"{percent(found['ratio'])} [{percent(found['low'])}; {percent(found['high'])}]"


def _latencies(summary: Summary) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return ((stage, row) for stage, row in summary["latency"].items() if row["unanswered"] is not None)


def _warnings(summary: Summary) -> list[str]:
    reported = summary["reported"]
    found = list(summary["run"]["warnings"])
    if reported is not None and reported["fits"] is False:
        found.append(_("lo que informa el receptor no encaja con su configuración: revise el instrumento"))
    if is_closed(summary["run"]["plan"]):
        found.append(CLOSED)
    if summary["run"]["interrupted"]:
        found.append(_("la ejecución se interrumpió: se juzga lo que se hizo"))
    if summary["verdict"] != Verdict.MET:
        found.append(NEW_LOOK)
    return found
