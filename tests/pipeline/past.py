"""What a monitor said of some models, for tests of the page: window records and alerts, encoded, in their order."""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from pipeline.history.local import LocalIngest, closings
from pipeline.serving.page.chronicle import Chronicle
from schemas.config import Config
from tests.pipeline.events import encode, loans

WINDOW_S, LEARNED = 200, 24
EVIL = "<script>alert('x')</script>&\"/é -> #?%"


class Said(NamedTuple):
    windows: list[bytes]
    alerts: list[bytes]


def said(model: str, events: Iterable[bytes], learned: int = LEARNED, windows: int | None = None) -> Said:
    """What the monitor said of a model, up to so many windows."""
    models = [{"name": model, "baseline": {"learn": {"windows": learned}}, "segments": ["tags.country"]}]
    config = Config.from_mapping({"window": {"length": f"{WINDOW_S}s", "allowed_lateness": "1s"}, "models": models})
    closed = list(closings(config, {}, LocalIngest(config).messages([list(events)])))[:windows]
    return Said([r.encode() for c in closed for r in c.records], [a.encode() for c in closed for a in c.alerts])


@cache
def drifting(model: str, drift_at: int, events: int = 8000, seed: int = 1) -> Said:
    """Two of four signals drift from an event on."""
    return said(model, map(encode, loans(events, drift_at, model, seed)))


@cache
def hostile() -> Said:
    """The same, of a model, a version, a segment, a signal and a category whose names are markup."""
    events = []
    for event in loans(8000, 6000, EVIL):
        event["version"] = f"1 {EVIL}"
        event["features"][EVIL] = event["features"].pop("grade") + EVIL
        event["tags"] = {"country": event["tags"]["country"] + EVIL}
        events.append(encode(event))
    return said(EVIL, events)


def fill(chronicle: Chronicle, said: Said) -> Chronicle:
    for value in said.alerts:
        chronicle.alert(value)
    for value in said.windows:
        chronicle.window(value)
    return chronicle
