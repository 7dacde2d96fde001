import json
import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from comun.errors import StoreUnavailable
from comun.messages import Status
from monitor.showing.metrics import registry
from monitor.showing.snapshot import Snapshot, nothing
from monitor.watching.alerts import Receptor
from monitor.watching.histogram_bins import BINS, BOUNDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def facts(**values: object) -> Snapshot:
    return nothing([])._replace(receptor=Receptor(Status.AVAILABLE), **values)


def samples() -> list[Sample]:
    families = text_string_to_metric_families(generate_latest(registry(lambda now: facts())).decode())
    return [sample for family in families for sample in family.samples]


def names() -> set[str]:
    return {sample.name for sample in samples()}


def test_a_histogram_adds_up_and_ends_at_infinity():
    totals = {"check:0": 2, "check:3": 5, f"check:{BINS - 1}": 1, "check:us": 3_500_000}
    page = generate_latest(registry(lambda now: facts(totals=totals))).decode()
    assert f'suite_check_seconds_bucket{{le="{BOUNDS[0]:g}"}} 2.0' in page
    assert f'suite_check_seconds_bucket{{le="{BOUNDS[-1]:g}"}} 7.0' in page
    assert 'suite_check_seconds_bucket{le="+Inf"} 8.0' in page
    assert "suite_check_seconds_sum 3.5" in page


def test_without_a_broker_only_that_is_told():
    def away(now: float) -> Snapshot:
        raise StoreUnavailable("away")

    page = generate_latest(registry(away)).decode()
    assert [line for line in page.splitlines() if not line.startswith("#")] == ["suite_broker_up 0.0"]


def test_making_the_registry_reads_nothing():
    def never(now: float) -> Snapshot:
        raise AssertionError("read")

    registry(never)


@pytest.mark.parametrize("path", ["prometheus/alerts.yml", "prometheus/alerts_test.yml", "grafana/dashboard.json"])
def test_rules_and_dashboard_name_only_metrics_that_exist(path: str):
    used = set(re.findall(r"\bsuite_[a-z_]+", (DEPLOY / path).read_text(encoding="utf-8")))
    assert used and used <= names()


def test_every_metric_is_on_the_dashboard():
    dashboard = (DEPLOY / "grafana" / "dashboard.json").read_text(encoding="utf-8")
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in names()}
    assert {name for name in families if name not in dashboard} == {"suite_watched_seconds_total"}


def test_the_panels_of_the_dashboard_do_not_overlap():
    panels = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells


def test_the_handbook_says_how_many_series_there_are():
    handbook = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"; {len(samples())} series at the most" in handbook


def test_every_alert_is_explained_to_those_who_have_to_act():
    alerts = re.findall(r"- alert: (\w+)", (DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    handbook = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert alerts and all(f"`{alert}`" in handbook for alert in alerts)
