"""The site: what a worker answers at `/`, `/model` and `/signal`."""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from pipeline.serving.page.chronicle import Chronicle
from pipeline.serving.page.model_view import model_view
from pipeline.serving.page.overview import Overview, overview
from pipeline.serving.page.renderer import Frame, Freshness, Renderer, Toggle
from pipeline.serving.page.rows import group_row, open_episodes
from pipeline.serving.page.signal_view import signal_view
from pipeline.serving.server import Answer, Request, Route
from schemas.config import Config
from schemas.group import Group, Segment

_REFRESH_S = 30


class Site:
    """The pages of a chronicle, which only the thread that asks for them may change."""

    def __init__(self, config: Config, chronicle: Chronicle, freshness: Callable[[], Freshness]) -> None:
        self._config = config
        self._chronicle = chronicle
        self._freshness = freshness
        self._renderer = Renderer()
        self._overview: tuple[int, Overview] | None = None

    @property
    def routes(self) -> Mapping[str, Route]:
        return {"/": Route(self.home), "/model": Route(self.model), "/signal": Route(self.signal)}

    def home(self, request: Request) -> Answer:
        return self._page(self._renderer.overview(self._current_overview(), self._frame(request)))

    def model(self, request: Request) -> Answer:
        """A model; with a version, and perhaps a segment, that group of it."""
        name = request.query.get("name", "")
        if "version" in request.query:
            return self._group(request, name)
        view = model_view(self._chronicle, name, self._config)
        if view is None:
            return self._missing(request, f"No window of a model called {name!r} has closed.")
        return self._page(self._renderer.model(view, self._frame(request)))

    def signal(self, request: Request) -> Answer:
        query = request.query
        model, signal = query.get("model", ""), query.get("signal", "")
        view = signal_view(self._chronicle, _group(query, model), signal)
        if view is None:
            return self._missing(request, f"Nothing is known of a signal {signal!r} in that group of {model!r}.")
        return self._page(self._renderer.signal(view, self._frame(request, refresh=False)))

    def not_found(self, request: Request) -> Answer:
        return self._missing(request, f"There is no page at {request.path}.")

    def _current_overview(self) -> Overview:
        """Made once for each change: it goes through all signals of all groups."""
        revision = self._chronicle.revision
        if self._overview is None or self._overview[0] != revision:
            self._overview = revision, overview(self._chronicle, self._config)
        return self._overview[1]

    def _group(self, request: Request, model: str) -> Answer:
        past = self._chronicle.past(_group(request.query, model))
        if past is None:
            return self._missing(request, f"Nothing is known of that group of {model!r}.")
        newest_ms = max(one.last.end_ms for one in self._chronicle.pasts(model))
        row = group_row(past, open_episodes(self._chronicle.episodes(model)), newest_ms)
        return self._page(self._renderer.group(row, self._frame(request)))

    def _missing(self, request: Request, text: str) -> Answer:
        frame = Frame(self._freshness())
        return self._page(self._renderer.message("Nothing here", text, frame), 404)

    def _page(self, html: str, status: int = 200) -> Answer:
        headers = {"Content-Security-Policy": self._renderer.policy}
        return Answer(html.encode("utf-8", "replace"), "text/html; charset=utf-8", status, headers)

    def _frame(self, request: Request, *, refresh: bool = True) -> Frame:
        """Around a page that is loaded anew every half minute, unless someone says otherwise."""
        said = request.query.get("refresh")
        on = said == "on" or (refresh and said != "off")
        query = urlencode(dict(request.query) | {"refresh": "off" if on else "on"})
        toggle = Toggle(f"{request.path}?{query}", "Pause refreshing" if on else f"Refresh every {_REFRESH_S} s")
        return Frame(
            self._freshness(), _REFRESH_S if on else 0, toggle, self._chronicle.passed_over, paused=said == "off"
        )


def _group(query: Mapping[str, str], model: str) -> Group:
    segment = Segment(query["segment"], query.get("value", "")) if query.get("segment") else None
    return Group(model, query.get("version", ""), segment)
