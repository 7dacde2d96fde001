"""`make assets`: makes every picture of the README from the real program."""

import sys
import tempfile
from pathlib import Path

from pictures import Camera, camera, picture
from playwright.sync_api import expect
from rich.console import Console
from rich.syntax import Syntax
from stage import ROOT, Suite, suite, until

CONSOLES = {  # picture: (process of `up`, its title, what its lines must tell)
    "console_platform_request": ("platform", "Plataforma de mensajes", "Solicitudes reenviadas"),
    "console_callcenter": ("callcenter", "Receptor de call center", "Consultas respondidas"),
    "console_platform_callback": ("platform", "Plataforma de mensajes", "Respuestas enviadas"),
    "console_monitor": ("monitor", "Monitor (trabajador)", "Respuesta recibida"),
}


def main() -> None:
    """Play the experiment as the README tells it, and picture each step."""
    with tempfile.TemporaryDirectory() as folder, camera() as pictures:
        with suite(Path(folder, "normal")) as running:
            one_check(pictures, running)
            files(pictures, running)
            normal_load(pictures, running)
            report(pictures)
            panel(pictures, running)
        with suite(Path(folder, "overloaded"), MONITOR_MAX_IN_FLIGHT="60") as running:
            overload(pictures, running)


def one_check(pictures: Camera, running: Suite) -> None:
    """The request in the browser and what each console tells of it."""
    pictures.address("request_browser", f"{running.url}/status")
    for name, (process, title, told) in CONSOLES.items():
        running.wait_for(process, told)
        lines = running.console(process).splitlines()
        at = next(number for number, line in enumerate(lines) if told in line)
        pictures.terminal(name, title, "\n".join(lines[max(0, at - 1) : at + 2]))


def files(pictures: Camera, running: Suite) -> None:
    """Both files after a few checks."""
    for _ in range(11):
        running.check()
    until("12 answers in the file", lambda: running.lines("logs.txt") == 60)
    pictures.terminal("grouped_logs", "logs.txt", running.type("tail", "-n", "15", "logs.txt", cwd=running.logs))
    answers = running.type("cat", "call_center_status.txt", cwd=running.logs)
    pictures.terminal("status_call_center", "call_center_status.txt", answers)


def normal_load(pictures: Camera, running: Suite) -> None:
    """The load script at 100 and at 300 threads, and where that is set."""
    for threads, name in (("100", "availability"), ("300", "availability_300")):
        pictures.terminal(name, "Prueba de disponibilidad", abridged(load(running, threads)))
    source = (ROOT / "test_monitor.py").read_text()
    at = source[: source.index("threads_count = ")].count("\n") + 1
    console = Console(color_system="truecolor", force_terminal=True, width=60)
    with console.capture() as capture:
        console.print(Syntax(source, "python", theme="monokai", line_numbers=True, line_range=(at, at + 3)))
    pictures.terminal("threads_count", "test_monitor.py", capture.get())


def report(pictures: Camera) -> None:
    """The report of the run that has just ended."""
    with pictures.page((ROOT / "runs" / "latest" / "report.html").resolve().as_uri(), height=1300) as page:
        page.screenshot(path=picture("report"))


def panel(pictures: Camera, running: Suite) -> None:
    """The panel wide and narrow, light and dark, and the trail of one check."""
    running.type(sys.executable, "-m", "experimento", "restart", "platform")
    load(running, "20")
    with pictures.page(running.url, height=1060) as page:
        page.get_by_role("button", name="Consultar estado").click()
        page.get_by_role("button", name="Ver recorrido").wait_for()
        page.screenshot(path=picture("panel"), full_page=True)
        page.get_by_role("button", name="Ver recorrido").click()
        expect(page.locator("#trail-picture circle")).to_have_count(5)
        page.screenshot(path=picture("trail"), clip={"x": 380, "y": 170, "width": 680, "height": 720})
    for name, width, height, scheme in (("panel_dark", 1440, 1060, "dark"), ("panel_mobile", 375, 1700, "light")):
        with pictures.page(running.url, width=width, height=height, scheme=scheme) as page:
            for list_ in ("#checks", "#runs"):
                expect(page.locator(f"{list_} tr").first).to_be_visible()
            page.screenshot(path=picture(name), full_page=scheme == "dark")


def overload(pictures: Camera, running: Suite) -> None:
    """A requirement that is not met, on purpose: far fewer checks may be in flight than come at once."""
    output = load(running, "300", "--lockstep")
    lines = output.splitlines()
    screens = [lines[start : start + 16] for start in range(len(lines))]
    mixed = next(screen for screen in screens if sum(": 503" in line for line in screen) == 6)
    pictures.terminal("status_500", "Prueba de disponibilidad", "\n".join(mixed))
    pictures.terminal("not_availability", "Prueba de disponibilidad", abridged(output))
    successes = next(int(line.split(": ")[1]) for line in lines if "con éxito: " in line)
    until("every success to be in the file", lambda: running.lines("call_center_status.txt") >= successes)
    counted = running.type("wc", "-l", "call_center_status.txt", cwd=running.logs)
    pictures.terminal("incomplete_status", "call_center_status.txt", counted)


def load(running: Suite, threads: str, *more: str) -> str:
    """Run the load script and return its terminal, without the frames of the bar that is redrawn over itself."""
    output = running.type(sys.executable, "test_monitor.py", "--threads", threads, *more)
    return "\n".join(line for line in output.splitlines() if "Carga" not in line)


def abridged(output: str) -> str:
    """Return the command, its first requests, the accounting, and what it says at the end."""
    lines = output.splitlines()
    account, end = (
        next(number for number, line in enumerate(lines) if line.startswith(start))
        for start in ("Consultas aceptadas: ", "Veredicto: ")
    )
    return "\n".join([*lines[:7], "…", *lines[account : account + 2], "…", *lines[end:]])


if __name__ == "__main__":
    main()
