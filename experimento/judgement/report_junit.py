"""The verdicts as JUnit XML, for a CI that shows test results: one case a requirement, one for the accounting.

Published as docs/schemas/junit-1.xsd, a part of what Jenkins, GitLab and GitHub's readers accept.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

from comun.language import _
from experimento.judgement.verdict import Verdict
from experimento.reconciliation.findings import FINDING_TITLES
from experimento.runs.run_folder import FINDINGS

_CLASS = "experimento.disponibilidad"
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2 (Char)
_ELEMENTS = {Verdict.NOT_MET: "failure", Verdict.INCONCLUSIVE: "skipped"}  # skipped: as JUnit's own assumptions do


def render_junit(summary: Mapping[str, Any]) -> str:
    """Return the document. Not met is a failure, inconclusive skipped, an accounting that does not add up an error."""
    seconds = f"{summary['run']['seconds']:.3f}"
    suite = ET.Element("testsuite", name=_clean(summary["name"]), time=seconds)
    suite.set("timestamp", f"{datetime.fromtimestamp(summary['run']['started'] / 1e6, UTC):%Y-%m-%dT%H:%M:%S}")
    for requirement in summary["requirements"]:
        case = ET.SubElement(suite, "testcase", classname=_CLASS, name=_clean(requirement["text"]), time=seconds)
        verdict = Verdict(requirement["verdict"])
        if element := _ELEMENTS.get(verdict):
            ET.SubElement(case, element, message=_clean(f"{verdict.text}: {requirement['reason']}"))
        else:
            ET.SubElement(case, "system-out").text = _clean(requirement["reason"])
    _add_accounting(suite, summary["accounting"])
    counts = {"tests": "testcase", "failures": ".//failure", "errors": ".//error", "skipped": ".//skipped"}
    for name, path in counts.items():
        suite.set(name, str(len(suite.findall(path))))
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _add_accounting(suite: ET.Element, accounting: Mapping[str, Any] | None) -> None:
    case = ET.SubElement(suite, "testcase", classname=_CLASS, name="contabilidad")
    if accounting is None:
        ET.SubElement(case, "skipped", message=_("la ejecución no se pudo conciliar"))
    elif not accounting["clean"]:
        counts = ", ".join(f"{_(FINDING_TITLES[name]).lower()}: {accounting[name]['count']}" for name in FINDINGS)
        error = ET.SubElement(case, "error", message=_("los testigos no concuerdan ({counts})", counts=counts))
        samples = (sample for name in FINDINGS for sample in accounting[name]["samples"])
        error.text = _clean("\n".join(f"{sample['id']} {sample['witness']}: {sample['detail']}" for sample in samples))


def _clean(text: str) -> str:
    """Leave out what XML cannot hold, such as control characters in an answer's body."""
    return _FORBIDDEN.sub("\ufffd", text)
