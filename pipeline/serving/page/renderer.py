"""Pages as HTML. The one importer of jinja2.

All that comes from events is escaped. The style stands in the page and there are no scripts, so that a page needs
nothing else, and can be saved and sent.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.serving.page import words
from pipeline.serving.page.links import Addresses, Anchors, Links
from pipeline.serving.page.model_view import ModelView
from pipeline.serving.page.overview import Overview
from pipeline.serving.page.rows import MOST_BOXES, GroupRow
from pipeline.serving.page.signal_view import SignalView

MOST_ROWS = 250


class Freshness(NamedTuple):
    """How new what is shown is, in words; `stale` where that is worth a look."""

    text: str
    stale: bool = False


class Toggle(NamedTuple):
    """A link that turns refreshing on or off."""

    address: str
    text: str


class Frame(NamedTuple):
    """What stands around a page. `refresh_s` 0 for a page that stays as it is; `paused` where those it leads to shall stay
    as they are, too."""

    freshness: Freshness
    refresh_s: int = 0
    toggle: Toggle | None = None
    passed_over: int = 0
    paused: bool = False


class Renderer:
    """Renders views; one for a process."""

    def __init__(self) -> None:
        self._style = Markup(
            files("pipeline.serving.page").joinpath("templates/style.css").read_text("utf-8")
        )  # our own file
        self._environment = Environment(
            loader=PackageLoader("pipeline.serving.page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            number=words.number,
            probability=words.probability,
            moment=words.moment,
            states=words.STATES,
            style=self._style,
            most_rows=MOST_ROWS,
            most_boxes=MOST_BOXES,
        )

    @property
    def policy(self) -> str:
        """The content security policy: nothing but the one style that stands in the page."""
        digest = b64encode(sha256(self._style.encode()).digest()).decode()
        return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    def overview(self, view: Overview, frame: Frame) -> str:
        return self._render("overview.html", frame, view=view)

    def model(self, view: ModelView, frame: Frame) -> str:
        return self._render("model.html", frame, view=view)

    def group(self, row: GroupRow, frame: Frame) -> str:
        return self._render("group.html", frame, row=row)

    def signal(self, view: SignalView, frame: Frame) -> str:
        return self._render("signal.html", frame, view=view)

    def message(self, title: str, text: str, frame: Frame) -> str:
        """A page that says one thing, such as that there is nothing here."""
        return self._render("message.html", frame, title=title, text=text)

    def report(self, view: ModelView, signals: Sequence[SignalView], frame: Frame) -> str:
        """A model and some of its signals in one document."""
        links = Anchors((one.row.group, one.row.name) for one in signals)
        return self._render("report.html", frame, view=view, signals=signals, links=links)

    def _render(self, template: str, frame: Frame, links: Links | None = None, **values: Any) -> str:
        page = self._environment.get_template(template)
        return page.render(
            freshness=frame.freshness,
            refresh=frame.refresh_s,
            toggle=frame.toggle,
            passed_over=frame.passed_over,
            links=links or Addresses(paused=frame.paused),
            **values,
        )
