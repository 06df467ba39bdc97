"""The page in a real browser: at 400 and 1280 pixels, dark and light, by keyboard, without a complaint."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.serving.board import Board
from pipeline.serving.page.chronicle import Chronicle
from pipeline.serving.page.links import Addresses
from pipeline.serving.page.report import report
from pipeline.serving.port import local_port
from pipeline.serving.server import Server
from schemas.config import Config
from schemas.group import Group, Segment
from tests.pipeline.past import EVIL, drifting, fill, hostile, scored

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'driftline[test]'")

pytestmark = pytest.mark.browser
OpenPage = Callable[[int, str], playwright.Page]

LOOKS = [(width, scheme) for width in (400, 1280) for scheme in ("light", "dark")]
LOAN = Group("loan", "1")
PAGES = {
    "overview": Addresses().home(),
    "model": Addresses().model("loan"),
    "segment": Addresses().group(Group("loan", "1", Segment("tags.country", "DE"))),
    "signal-number": Addresses().signal(LOAN, "value"),
    "signal-category": Addresses().signal(LOAN, "grade"),
    "signal-quiet": Addresses().signal(LOAN, "term"),
    "scored": Addresses().model("scored"),
    "signal-scores": Addresses().signal(Group("scored", "1"), "__anomaly__"),
    "hostile": Addresses().model(EVIL),
    "hostile-signal": Addresses().signal(Group(EVIL, f"1 {EVIL}"), EVIL),
    "missing": "/nowhere",
}

# The ratio of contrast by WCAG 2, of all texts that are seen, against the ground behind them.
CONTRAST = """
(() => {
  const channel = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const ground = numbers(getComputedStyle(document.documentElement).backgroundColor);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const holder = node.parentElement;
    if (!node.textContent.trim() || !holder.checkVisibility()) continue;
    const style = getComputedStyle(holder);
    const ink = numbers(holder.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x);
    found.push([(a + .05) / (b + .05), node.textContent.trim().slice(0, 40)]);
  }
  return found.sort((x, y) => x[0] - y[0])[0];
})()
"""


TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"


def chromium_path() -> str | None:
    """Where a Chromium is: Debian's, or another on the PATH."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def chronicle() -> Chronicle:
    filled = Chronicle()
    for said in (drifting("loan", 6000), drifting("fraud", 8000, seed=2), hostile(), scored()):
        fill(filled, said)
    return filled


@pytest.fixture(scope="module")
def server(chronicle: Chronicle) -> Iterator[Server]:
    with local_port(Config(), chronicle, Board(), 0, "0.1.0") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    path = chromium_path()
    if path is None:
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop("needs a Chromium, and there is none on the PATH; on Debian it is in the package chromium")
    # Chromium refuses to run as root with its sandbox, and CI is root.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=flags)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: playwright.Browser) -> Iterator[OpenPage]:
    """Opens pages of a width and a scheme; what they complain of fails the test."""
    contexts, complaints = [], []

    def new(width: int, scheme: str) -> playwright.Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"a dialog says {dialog.message}"))
        return page

    yield new
    for context in contexts:
        context.close()
    assert [said for said in complaints if "status of 404" not in said] == []


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are kept."""
    named = os.environ.get("DRIFTLINE_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_is_well_at_every_width_in_every_light(
    width: int, scheme: str, open_page: OpenPage, server: Server, pictures: Path
) -> None:
    page = open_page(width, scheme)
    for name, address in PAGES.items():
        page.goto(f"http://127.0.0.1:{server.port}{address}")
        page.screenshot(path=pictures / f"{name}-{width}-{scheme}.png", full_page=True)
        assert page.evaluate(TOO_WIDE) <= 0, name
        ratio, text = page.evaluate(CONTRAST)
        assert ratio >= 4.5, f"{name}: {text!r} has a contrast of {ratio:.2f}"


def test_a_keyboard_leads_from_the_models_to_a_signal(open_page: OpenPage, server: Server) -> None:
    page = open_page(1280, "light")
    page.goto(f"http://127.0.0.1:{server.port}/?refresh=off")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for text, leads_to in (("loan", r"/model\?name=loan"), ("value", r"signal=value")):
        go_to(page, text)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(leads_to))
    go_to(page, "The windows as a table")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is True


@pytest.mark.parametrize("width", [400, 1280])
def test_the_most_anomalous_events_stand_where_they_can_be_read(
    width: int, open_page: OpenPage, server: Server
) -> None:
    page = open_page(width, "light")
    page.goto(f"http://127.0.0.1:{server.port}{PAGES['signal-scores']}")
    assert page.locator("h1").inner_text() == "anomaly score"
    rows = page.locator("h2:text('Events to look at') + table tbody tr")
    assert rows.count() == 5
    for at in range(5):
        assert re.match(r"events\s+partition 0, offset \d+\s", rows.nth(at).inner_text())
        assert rows.nth(at).is_visible()
    widths = [rows.nth(at).locator("rect").bounding_box()["width"] for at in range(5)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] > 0


def test_the_names_of_others_run_nothing(open_page: OpenPage, server: Server) -> None:
    page = open_page(1280, "light")
    page.goto(f"http://127.0.0.1:{server.port}{PAGES['hostile-signal']}")
    assert page.locator("h1").inner_text() == EVIL
    assert "<script>" in page.title()
    assert page.locator("script").count() == 0


def test_a_report_opens_from_a_file_and_fetches_nothing(
    open_page: OpenPage, chronicle: Chronicle, pictures: Path, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(report(chronicle, "scored", Config()), "utf-8")
    for width, scheme in LOOKS:
        page = open_page(width, scheme)
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(file.as_uri())
        page.screenshot(path=pictures / f"report-{width}-{scheme}.png", full_page=True)
        assert page.evaluate(TOO_WIDE) <= 0
        assert asked == [file.as_uri()]
        assert page.locator("h3:text('Events to look at') + table").first.is_visible()


def focused(page: playwright.Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def go_to(page: playwright.Page, text: str) -> None:
    """Presses the tabulator until the element with that text has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused(page) == text:
            return
    raise AssertionError(f"no {text!r} within 60 steps")
