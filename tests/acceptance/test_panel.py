"""The panel, used as a person would use it, in a real Chromium: against a stub with a script, then the real suite."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from experimento.judgement.report import render
from experimento.judgement.requirements import parse
from experimento.judgement.summary import summarize
from experimento.runs.events import Event, Kind
from tests.acceptance.conftest import Suite
from tests.support.made_run import make_run
from tests.support.panel_stub import PanelStub, make_check, make_current
from tests.support.waiting import missing
from tests.support.words import spanish

AXE = Path(__file__).resolve().parents[1] / "vendor" / "axe.min.js"
WIDTHS = (375, 1440)
LOOKS = (("light", "es-CO"), ("dark", "en-US"))  # colours do not depend on words: each is seen with one language
OVERFLOWING = """[...document.querySelectorAll('.card')]
    .filter((card) => card.scrollHeight > card.clientHeight + 1).map((card) => card.textContent.trim().slice(0, 40))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        missing("hace falta Chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


@pytest.fixture
def stub() -> Iterator[PanelStub]:
    stub = PanelStub()
    stub.start()
    yield stub
    stub.stop()


class Visit:
    """Pages opened by a test, and everything the browser complained about on them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.complaints: list[str] = []

    def open(self, url: str, *, wait_for: str = "#checks tr", width: int = 1440, **context: Any) -> Page:
        options = {"viewport": {"width": width, "height": 900}, "locale": "es-CO", **context}
        page = self._browser.new_context(**options).new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"{error}"))
        page.goto(url)
        page.wait_for_selector(wait_for)
        return page

    def _note(self, message: ConsoleMessage) -> None:
        # A refused check or a stopped server is part of some tests, and the browser reports each such request.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def close(self) -> None:
        for context in self._browser.contexts:
            context.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser)
    yield visit
    visit.close()
    assert visit.complaints == []  # no script error and no breach of the content security policy


def serious_faults(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())  # through the debugger: the page's policy allows no foreign script
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})")
    return [
        f"{fault['id']}: {[node['html'] for node in fault['nodes']]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


def test_the_first_screen_says_state_verdict_and_windows(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)

    expect(page.locator("#receptor")).to_have_text("Disponible :)")
    expect(page.locator("#receptor-note")).to_contain_text("simula estar disponible el 90\u00a0% de las veces")
    expect(page.locator("#verdict")).to_have_text("Cumple")
    expect(page.locator("#verdict-note")).to_contain_text("servicio ≥ 99\u00a0% en los últimos 5 min")
    expect(page.locator("#windows tr")).to_have_count(4)
    expect(page.locator("#windows tr").nth(3)).to_contain_text("90 min sin vigilar")
    expect(page.locator("#station-callcenter")).to_contain_text("1 en marcha")
    expect(page.locator("#station-callcenter .median")).to_have_text(
        "mediana 1,4\u00a0ms p95 3,4\u00a0ms p99 13\u00a0ms"
    )
    expect(page.locator("#events li")).to_have_count(3)
    expect(page.locator("#logs li")).to_have_count(20)
    expect(page.locator("#logs")).to_be_hidden()  # folded away until somebody wants them
    page.get_by_text("Últimas líneas de logs.txt").click()
    expect(page.locator("#logs")).to_be_visible()
    expect(page).to_have_title("Disponible :) · Experimento de disponibilidad")


def idle(stub: PanelStub) -> None:
    stub.runs = []
    stub.change(checks=[], logs=[], events=[], receptor={**stub.state["receptor"], "status": None, "since": None})


def dead_worker(stub: PanelStub) -> None:
    stub.current = make_current()
    stations = [dict(each) for each in stub.state["stations"]]
    stations[2] |= {"state": "down", "workers": 0, "depth": 34, "oldest_ms": 41_000.0}
    stub.change(stations=stations, outbox={"size": 2_310, "oldest_ms": 41_230.0})


def dead_broker(stub: PanelStub) -> None:
    stub.change(broker={"ok": False})


@pytest.mark.parametrize(("width", "scheme", "locale"), [(375, "light", "es-CO"), (1440, "dark", "en-US")])
@pytest.mark.parametrize(
    ("situation", "said"),
    [
        (
            idle,
            (
                "Todo está en marcha y ningún mensaje espera más de 2\u00a0s.",
                "Everything is running and no message waits longer than 2\u00a0sec.",
            ),
        ),
        (
            dead_worker,
            (
                "Está detenido: Receptor de call center. Mensajes que esperan: 34 en «callcenter»",
                "Stopped: Call-center receptor. Messages waiting: 34 in “callcenter”",
            ),
        ),
        (dead_broker, ("El broker no responde", "The broker is not responding")),
    ],
)
def test_whatever_happens_it_fits_the_screen_is_accessible_and_says_what_is_wrong(
    stub: PanelStub,
    visit: Visit,
    *,
    situation: Callable[[PanelStub], None],
    said: tuple[str, str],
    width: int,
    scheme: Any,
    locale: str,
) -> None:
    situation(stub)
    page = visit.open(stub.url, wait_for="#windows tr", width=width, color_scheme=scheme, locale=locale)
    expect(page.locator("#flow-note")).to_contain_text(said[locale == "en-US"])
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert serious_faults(page) == []


@pytest.mark.parametrize(("scheme", "locale"), LOOKS)
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_the_screen_and_is_accessible(
    stub: PanelStub, visit: Visit, *, width: int, scheme: Any, locale: str
) -> None:
    page = visit.open(stub.url, width=width, color_scheme=scheme, locale=locale)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(OVERFLOWING) == []
    assert serious_faults(page) == []

    page.locator("#checks button").first.click()
    expect(page.locator("#trail")).to_be_visible()
    assert page.evaluate("document.querySelector('#trail').scrollWidth <= document.querySelector('#trail').clientWidth")
    assert serious_faults(page) == []


def test_no_card_of_the_summary_has_a_hole(stub: PanelStub, visit: Visit) -> None:
    """A hundred pixels of nothing stood in two of the three."""
    page = visit.open(stub.url)
    expect(page.locator("#target")).to_be_visible()
    holes = page.evaluate("""() => [...document.querySelectorAll('.summary .card')].flatMap((card) => {
        const boxes = [...card.querySelectorAll('h2, p, table, ol, .interval')].map((e) => e.getBoundingClientRect());
        const shown = boxes.filter((box) => box.height).sort((one, other) => one.top - other.top);
        const ends = shown.map((_, n) => Math.max(...shown.slice(0, n + 1).map((box) => box.bottom)));
        const { bottom } = card.getBoundingClientRect();
        return [...shown.slice(1).map((box, n) => box.top - ends[n]), bottom - ends.at(-1)];
    })""")
    assert max(holes) < 75


def test_checks_that_have_not_ended_are_counted_apart_with_since_when_they_wait(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    expect(page.locator("#pending")).to_contain_text("Ninguna consulta en curso")
    stub.change(outbox={"size": 12, "oldest_ms": 9_000.0})
    expect(page.locator("#pending")).to_contain_text("12 consultas en curso, la más antigua desde las")
    expect(page.locator("#pending")).to_contain_text(
        "(hace 9\u00a0s); ninguna cuenta hasta que termina o pasan 30\u00a0s"
    )


def test_the_chart_says_why_something_was_refused(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    expect(page.locator("#legend")).to_contain_text("Rechazada 63")
    expect(page.locator("#why-refused")).to_have_text(
        "Rechazadas con 503: 56 porque el broker no respondió a tiempo · "
        "7 por otra causa, como un reloj absurdo en esta máquina."
    )
    page.get_by_role("button", name="24 h").click()
    expect(page.locator("#why-refused")).to_contain_text("135 porque ya había demasiadas consultas en curso.")


def test_the_chart_shows_longer_spans_with_their_events_and_percentiles(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    for span, title in (
        ("1 h", "Respuestas cada 10\u00a0s en la última hora"),
        ("24 h", "Respuestas cada 5\u00a0min en las últimas 24 horas"),
        ("7 días", "Respuestas cada 60\u00a0min en los últimos 7 días"),
        ("30 días", "Respuestas cada 3\u00a0h en los últimos 30 días"),
    ):
        page.get_by_role("button", name=span, exact=True).click()
        expect(page.locator("#timeline-title")).to_have_text(title)
        expect(page.get_by_role("button", name=span, exact=True)).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#latency")).to_have_text(
            "Una respuesta tarda: mediana 7,1\u00a0ms · p95 16\u00a0ms · p99 212\u00a0ms"
        )
    expect(page.locator("#events li")).to_have_count(6)  # the state has three
    expect(page.locator("#timeline-note")).not_to_have_text("0 en total")
    assert serious_faults(page) == []
    page.get_by_role("button", name="5 min").click()
    expect(page.locator("#timeline-title")).to_have_text("Respuestas por segundo en los últimos 5 minutos")
    expect(page.locator("#events li")).to_have_count(3)


def test_the_runs_are_listed_with_their_verdicts_and_a_report_each(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    rows = page.locator("#runs tr")
    for place, verdict in enumerate(
        ["Cumple", "No concluyente interrumpida", "No cumple", "La contabilidad no cuadra", "Sin juzgar"]
    ):
        expect(rows.nth(place).locator("td").nth(1)).to_have_text(verdict)
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"runs/{stub.runs[0]['name']}/report.html")
    expect(rows.nth(4).get_by_role("link")).to_have_count(0)


def test_of_many_runs_the_newest_are_shown_until_all_are_asked_for(stub: PanelStub, visit: Visit) -> None:
    stub.runs = [{**stub.runs[0], "name": f"20261126-1200{n:02d}-x"} for n in range(30, 0, -1)]
    page = visit.open(stub.url)
    expect(page.locator("#runs tr:visible")).to_have_count(8)
    page.get_by_role("button", name="Mostrar las 30").click()
    expect(page.locator("#runs tr:visible")).to_have_count(30)


def test_two_marked_runs_are_compared_and_a_third_takes_the_place_of_the_first(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    compare = page.get_by_role("button", name="Comparar las dos marcadas")
    boxes = page.locator("#runs input")
    boxes.nth(0).check()
    expect(compare).to_be_disabled()
    boxes.nth(1).check()
    boxes.nth(2).check()
    expect(boxes.nth(0)).not_to_be_checked()
    compare.click()
    expect(page.locator("#comparison-text")).to_contain_text("No llevaron la misma carga")
    page.get_by_role("button", name="Comparar de todos modos").click()
    expect(page.locator("#comparison-text")).to_contain_text("Nada cambia.")
    expect(page.locator("#comparison-text")).to_contain_text(f"A: {stub.runs[2]['name']}\nB: {stub.runs[1]['name']}")
    expect(page.get_by_role("button", name="Comparar de todos modos")).to_be_hidden()
    assert serious_faults(page) == []


def test_a_run_is_started_followed_and_stopped_from_the_page(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    page.get_by_label("Hilos").fill("50")
    page.get_by_label("Nombre").fill("desde-el-panel")
    page.get_by_role("button", name="Iniciar ejecución").click()
    expect(page.locator("#current-text")).to_contain_text("«desde-el-panel», 50 × 10")
    expect(page.locator("#current-text")).to_contain_text("Pone carga: 166 de 500 peticiones")
    assert stub.orders == [{"threads": 50, "requests": 10, "name": "desde-el-panel"}]
    expect(page.get_by_role("button", name="Iniciar ejecución")).to_be_disabled()
    assert serious_faults(page) == []

    page.get_by_role("button", name="Detener").click()
    expect(page.locator("#current-text")).to_contain_text("deteniéndose")
    assert stub.stopped == ["5f0c"]
    stub.current = {**make_current(name="desde-el-panel"), "stage": "ended", "judged": True}
    expect(page.locator("#current-text")).to_have_text("«desde-el-panel» terminó: ya está en la lista")
    expect(page.get_by_role("button", name="Detener")).to_be_hidden()
    expect(page.get_by_role("button", name="Iniciar ejecución")).to_be_enabled()


def test_why_a_run_cannot_be_started_is_one_sentence(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    expect(page.locator("#runs tr")).to_have_count(5)
    stub.current = make_current()  # another tab was quicker
    page.get_by_role("button", name="Iniciar ejecución").click()
    expect(page.locator("#run-refusal")).to_have_text("Ya hay una ejecución en marcha; se hace una a la vez.")
    stub.current, stub.refusal = None, "Sin MONITOR_TOKEN solo se inician ejecuciones desde esta misma máquina."
    expect(page.locator("#start-why")).to_have_text(stub.refusal)
    expect(page.get_by_role("button", name="Iniciar ejecución")).to_be_disabled()


def test_a_check_sent_from_the_button_travels_and_arrives(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    stub.waits = 2  # in flight at first

    page.get_by_role("button", name="Consultar estado").click()

    expect(page.locator("#answer")).to_contain_text("Consulta en curso")
    expect(page.locator("#token")).to_be_visible()
    for station in ("platform_request", "callcenter", "platform_callback", "monitor"):
        expect(page.locator(f"#station-{station} .arrived")).to_contain_text("ms")
    expect(page.locator("#answer")).to_contain_text("Disponible :) en")
    expect(page.locator("#token")).to_be_hidden()
    sent = stub.state["checks"][0]["id"]
    expect(page.locator("#checks tr").first).to_have_attribute("data-id", sent)

    page.get_by_role("button", name="Ver recorrido").click()
    expect(page.locator("#trail-id")).to_have_text(sent)


def test_whoever_wants_no_motion_gets_the_answer_without_it(stub: PanelStub, visit: Visit) -> None:
    stub.answer = "unavailable"
    page = visit.open(stub.url, reduced_motion="reduce")

    page.get_by_role("button", name="Consultar estado").click()

    expect(page.locator("#answer")).to_contain_text("No disponible :( en")
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_refused_check_says_why(stub: PanelStub, visit: Visit) -> None:
    stub.answer = "refused"
    page = visit.open(stub.url)

    page.get_by_role("button", name="Consultar estado").click()

    expect(page.locator("#answer")).to_have_text("Rechazada: el broker no responde: TimeoutError")


def test_the_trail_of_a_check_opens_and_closes_with_the_keyboard(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    row = page.locator("#checks tr").nth(2)

    row.locator("button").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#trail-id")).to_have_text(stub.state["checks"][2]["id"])
    expect(page.locator("#trail-hops tr")).to_have_count(5)
    expect(page.locator("#trail-picture circle")).to_have_count(5)
    page.keyboard.press("Escape")
    expect(page.locator("#trail")).to_be_hidden()
    expect(row.locator("button")).to_be_focused()


def test_a_list_keeps_still_while_someone_reads_it(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    page.locator("#checks button").first.focus()
    first = page.locator("#checks tr").first.get_attribute("data-id")

    stub.change(checks=stub.state["checks"][5:], resent=77)

    expect(page.locator("#facts")).to_contain_text("77")  # the new state has been drawn
    assert page.locator("#checks tr").first.get_attribute("data-id") == first
    page.locator("#ask").focus()
    expect(page.locator("#checks tr").first).to_have_attribute("data-id", stub.state["checks"][0]["id"])


def test_what_was_said_long_ago_is_not_now(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    now = time.time()
    stub.change(receptor={"status": "unanswered", "since": now - 41, "answered": now - 41, "setting": 0.9})
    expect(page.locator("#receptor")).to_have_text("Sin respuesta")
    expect(page.locator("#receptor-note")).to_contain_text("hace 4")
    stub.change(receptor={"status": "available", "since": now - 900, "answered": now - 600, "setting": 0.9})
    expect(page.locator("#receptor")).to_have_text("Disponible :)")
    expect(page.locator("#receptor-note")).to_contain_text("última respuesta hace 10\u00a0min: nadie ha preguntado")


def test_a_late_answer_is_shown_as_late(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    late = {**make_check(time.time(), stub.rng), "late": True, "total_ms": 41_000.0}
    stub.change(checks=[late, *stub.state["checks"][:5]])
    expect(page.locator("#checks tr").first).to_contain_text("Disponible :) con retraso")


def test_a_receptor_that_becomes_unavailable_is_seen(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)

    stub.change(
        receptor={"status": "unavailable", "since": time.time(), "answered": time.time(), "setting": 0.0},
        requirement={**stub.state["requirement"], "verdict": "not_met"},
    )

    expect(page.locator("#receptor")).to_have_text("No disponible :(")
    expect(page.locator("#verdict")).to_have_text("No cumple")


def test_a_broker_that_is_away_is_said_and_so_is_its_return(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    expect(page.locator("#broker-away")).to_be_hidden()

    stub.change(broker={"ok": False})
    expect(page.locator("#broker-away")).to_be_visible()
    expect(page.locator("#station-api .alive")).to_have_text("2 en marcha")
    expect(page.locator("#station-monitor .alive")).to_have_text("Sin noticias")
    expect(page.locator("#station-monitor")).to_contain_text("— en cola")
    assert serious_faults(page) == []

    stub.change(broker={"ok": True})
    expect(page.locator("#broker-away")).to_be_hidden()


def test_stale_figures_are_marked_until_the_monitor_is_back(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)

    stub.stop()
    expect(page.locator("#stale")).to_be_visible(timeout=15_000)
    expect(page.locator("#stale")).to_contain_text("Sin conexión con el monitor. Datos de hace")
    expect(page.locator("#link")).to_have_text("Sin conexión")
    assert serious_faults(page) == []

    stub.start()
    expect(page.locator("#stale")).to_be_hidden(timeout=15_000)
    expect(page.locator("#link")).to_have_text("En directo")


def test_a_state_with_nothing_in_it_yet_is_drawn(stub: PanelStub, visit: Visit) -> None:
    nothing = {"good": 0, "total": 0, "ratio": None, "low": None, "high": None}
    stub.change(
        receptor={"status": None, "since": None, "answered": None, "setting": None},
        requirement={**stub.state["requirement"], "verdict": "inconclusive", "total": 0},
        windows=[{**each, "service": nothing, "reported": nothing} for each in stub.state["windows"]],
        stations=[{**each, "state": "down", "workers": 0, "median_ms": None} for each in stub.state["stations"]],
        events=[],
        checks=[],
        logs=[],
    )
    page = visit.open(stub.url, wait_for="#windows tr")

    expect(page.locator("#receptor")).to_have_text("Sin datos todavía")
    expect(page.locator("#verdict")).to_have_text("No concluyente")
    expect(page.locator("#verdict-note")).to_contain_text("aún no hay consultas")
    expect(page.locator("#station-monitor")).to_contain_text("Detenido")
    assert serious_faults(page) == []


def test_an_unchanged_state_is_not_sent_again(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)

    with page.expect_response(lambda response: response.url.endswith("/api/state") and response.status == 304):
        pass

    expect(page.locator("#link")).to_have_text("En directo")


def test_a_tab_nobody_sees_asks_nothing(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    page.clock.install()
    page.reload()  # starts anew under the clock that the test turns
    page.wait_for_selector("#checks tr")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    before = stub.polls

    page.clock.run_for(60_000)

    assert stub.polls == before
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    with page.expect_response("**/api/state"):
        page.clock.run_for(1_500)
    expect(page.locator("#stale")).to_be_hidden()


def test_the_real_suite_shows_a_check_a_receptor_set_to_nothing_and_its_own_absence(
    start_suite: Callable[..., Suite], visit: Visit
) -> None:
    suite = start_suite(RECEPTOR_AVAILABILITY="1")
    page = visit.open(suite.url, wait_for="#windows tr")
    ask = page.get_by_role("button", name="Consultar estado")

    ask.click()
    expect(page.locator("#answer")).to_contain_text("Disponible :) en", timeout=20_000)
    expect(page.locator("#receptor")).to_have_text("Disponible :)")
    expect(page.locator("#checks tr")).to_have_count(1)
    expect(page.locator("#logs li")).to_have_count(5)
    page.get_by_role("button", name="Ver recorrido").click()
    expect(page.locator("#trail-hops tr")).to_have_count(5)
    assert serious_faults(page) == []
    page.get_by_role("button", name="Cerrar").click()

    suite.interrupt()
    expect(page.locator("#stale")).to_be_visible(timeout=15_000)

    places = {"VAR_DIR": str(suite.var_dir), "LOGS_DIR": str(suite.logs_dir), "MONITOR_PORT": str(suite.port)}
    start_suite(RECEPTOR_AVAILABILITY="0", **places)
    expect(page.locator("#stale")).to_be_hidden(timeout=15_000)
    for _ in range(12):  # one answer alone does not make a state
        requests.get(f"{suite.url}/status", timeout=10).raise_for_status()
    ask.click()
    expect(page.locator("#answer")).to_contain_text("No disponible :( en", timeout=20_000)
    expect(page.locator("#receptor")).to_have_text("No disponible :(", timeout=20_000)
    assert serious_faults(page) == []


# All that somebody may see or hear of a page, but what says itself that it is in another language.
TEXTS = """() => {
    const ours = [...document.querySelectorAll('body, body *')].filter((e) => !e.closest('script, [lang]:not(html)'));
    const own = (e) => [...e.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data);
    const told = (e) => ['title', 'aria-label', 'data-empty'].map((name) => e.getAttribute(name) ?? '');
    return [document.title, ...ours.flatMap((e) => [...own(e), ...told(e)])].map((text) => text.trim()).filter(Boolean);
}"""


def nothing_yet(stub: PanelStub) -> None:
    idle(stub)
    nothing = {"good": 0, "total": 0, "ratio": None, "low": None, "high": None}
    stub.change(windows=[{**each, "service": nothing, "reported": nothing} for each in stub.state["windows"]])


def everything_wrong(stub: PanelStub) -> None:
    stations = [{**each, "state": "down", "workers": 0} for each in stub.state["stations"]]
    stub.change(
        stations=stations,
        outbox={"size": 1, "oldest_ms": None},
        failing=[{"process": "monitor", "loop": "resender", "error": "ResponseError"}],
        refused=[{"code": "OOM", "commands": 1}],
        unreadable=[{"key": "suite:events", "entries": 1}],
        receptor={**stub.state["receptor"], "status": "unanswered", "answered": time.time() - 900},
        checks=[{**each, "late": True} for each in stub.state["checks"]],
    )
    stub.current = {**make_current(), "stopping": True, "stage": "settling"}


def test_not_a_word_of_the_english_page_is_spanish_whatever_happens(stub: PanelStub, visit: Visit) -> None:
    stub.runs = [{**each, "name": "20261126-120000-x"} for each in stub.runs]
    page = visit.open(stub.url, locale="en-GB")
    expect(page.locator("#receptor")).to_have_text("Available :)")
    expect(page.locator("#windows tr").nth(3)).to_contain_text("412,733")
    expect(page.locator("#events li").nth(1)).to_contain_text("The broker did not respond for 8\u202fs")
    expect(page.locator("#events li").first).to_contain_text("The message platform restarted (signal SIGKILL)")
    assert spanish(page.evaluate(TEXTS)) == []
    page.locator("#checks button").first.click()
    assert spanish(page.evaluate(TEXTS)) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="7 days").click()
    expect(page.locator("#timeline-title")).to_have_text("Answers every 60\u00a0min over the last 7 days")
    stub.answer = "refused"
    page.get_by_role("button", name="Check status").click()
    expect(page.locator("#answer")).to_have_text("Refused: the broker could not store it in time")
    stub.current = make_current()  # another tab was quicker
    page.get_by_role("button", name="Start run").click()
    expect(page.locator("#run-refusal")).to_have_text("A run is already going on; they are made one at a time.")
    for situation, shown in (
        (nothing_yet, "No data yet"),
        (dead_worker, "41\u00a0sec"),
        (everything_wrong, "Keeps failing"),
        (dead_broker, "The broker is not responding"),
    ):
        situation(stub)
        expect(page.locator("main")).to_contain_text(shown)
        assert spanish(page.evaluate(TEXTS)) == []
    expect(page.locator("#current-text")).to_contain_text("reconciling, stopping: 333 of 1,000 requests")
    stub.current = {**make_current(), "stage": "ended"}
    expect(page.locator("#current-text")).to_have_text("“panel” ended: no report, and it said nothing")
    stub.stop()
    expect(page.locator("#stale")).to_contain_text("No connection to the monitor. Data from", timeout=15_000)
    assert spanish(page.evaluate(TEXTS)) == []


def test_the_other_language_is_a_click_away_and_stays(stub: PanelStub, visit: Visit) -> None:
    page = visit.open(stub.url)
    page.get_by_role("link", name="English").click()
    expect(page.locator("#receptor")).to_have_text("Available :)")
    page.reload()
    expect(page.locator("#station-logs .does")).to_have_text("Records every hop and every answer")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("link", name="Español").click()
    expect(page.locator("#receptor")).to_have_text("Disponible :)")
    expect(page.locator("#windows tr").nth(3)).to_contain_text("412\u202f733")


def reds(page: Page, canvas: str) -> int:
    """Count a canvas's pixels of the colour in which the report marks what failed."""
    count = """canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let at = 0; at < data.length; at += 4) found += data[at] > 150 && data[at + 1] < 60 && data[at + 3] > 150;
      return found;
    }"""
    found: int = page.locator(canvas).evaluate(count)
    return found


def test_a_report_draws_its_charts_under_its_own_policy(visit: Visit, tmp_path: Path) -> None:
    run = make_run(500, fails=lambda number: number % 50 == 0)
    run = replace(run, events=[Event(Kind.ENDED, "callcenter", run.records[200].intended, -9)])
    (tmp_path / "report.html").write_text(render(summarize(run, [parse("service>=99%")]), "html"), "utf-8")
    page = visit.open((tmp_path / "report.html").as_uri(), wait_for="canvas")
    expect(page.locator("canvas")).to_have_count(3)
    assert reds(page, "#latency canvas") > 100  # the mark of the worker's end, from top to bottom
    widths = page.locator(".trail .bar").first.evaluate("bar => [...bar.children].map(hop => hop.offsetWidth)")
    assert len(set(widths)) > 1  # each hop has its own share of the time
    bar = page.locator(".interval").first.bounding_box()
    assert bar
    assert bar["width"] > 0
    assert visit.complaints == []
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b id=probe style=\"color: red\">')")
    assert page.locator("#probe").evaluate("element => getComputedStyle(element).color") != "rgb(255, 0, 0)"
    visit.complaints.clear()  # the browser says that it refused it
