"""Pictures of real output: terminal text and web pages, rasterised by Chromium; nothing is drawn by hand."""

import base64
import html
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

FOLDER = Path(__file__).resolve().parent
COLUMNS = 112
SHARPNESS = 1.5
FRAME = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; width: max-content; padding: 10px; background: #fff; }}
figure {{ margin: 0; border-radius: 9px; overflow: hidden; background: #14191f; box-shadow: 0 1px 6px #0007; }}
figcaption {{ padding: 8px 14px; background: #2a323c; color: #c8d2dc; font: 13px/18px "Liberation Sans", sans-serif; }}
pre {{ margin: 0; padding: 12px 14px 14px; color: #e3e8ee; font: 13.5px/20px "DejaVu Sans Mono", monospace; }}
pre span {{ background: none !important; }}
img {{ display: block; }}
</style><figure><figcaption>{title}</figcaption>{content}</figure>"""


class Camera:
    """Takes the pictures and puts them beside this file."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def terminal(self, name: str, title: str, output: str) -> None:
        """Picture text as a terminal shows it, colours included."""
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(output.rstrip()), soft_wrap=False)
        code = console.export_html(theme=MONOKAI, inline_styles=True, code_format="<pre>{code}</pre>")
        self._framed(name, title, code)

    def address(self, name: str, url: str) -> None:
        """Picture what the browser shows at an address, with the address over it."""
        with self.page(url, width=900, height=90, sharpness=SHARPNESS) as page:
            shown = base64.b64encode(page.screenshot()).decode()
        self._framed(name, url, f'<img width="900" src="data:image/png;base64,{shown}">')

    @contextmanager
    def page(
        self, url: str, *, width: int = 1440, height: int = 900, scheme: Any = "light", sharpness: float = 1
    ) -> Iterator[Page]:
        """Open a page for pictures of it; `sharpness` is in pixels of the picture to one of the page."""
        size: Any = {"width": width, "height": height}
        context = self._browser.new_context(
            viewport=size, color_scheme=scheme, locale="es-CO", device_scale_factor=sharpness
        )
        page = context.new_page()
        page.goto(url)
        yield page
        context.close()

    def _framed(self, name: str, title: str, content: str) -> None:
        context = self._browser.new_context(viewport={"width": 1200, "height": 400}, device_scale_factor=SHARPNESS)
        page = context.new_page()
        page.set_content(FRAME.format(title=html.escape(title), content=content), wait_until="load")
        page.locator("body").screenshot(path=picture(name))
        context.close()


def picture(name: str) -> Path:
    """Return where the picture of that name goes, and say that it is made."""
    click.echo(f"assets/{name}.png")
    return FOLDER / f"{name}.png"


@contextmanager
def camera() -> Iterator[Camera]:
    """Start Chromium for as long as pictures are taken."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield Camera(browser)
        browser.close()
