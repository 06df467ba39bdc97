"""What a monitor said of some models, for tests of the page: window records and alerts, encoded, in their order."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import zip_longest
from typing import NamedTuple

from detectors.lenses.frozen import FrozenParts
from pipeline.configuration.shelf import frozen_of
from pipeline.history.baseline_build import build
from pipeline.history.history import Stretch
from pipeline.history.local import LocalIngest, closings
from pipeline.ingest.sightings import Sighting
from pipeline.monitor.closing import Closing
from pipeline.serving.page.chronicle import Chronicle
from schemas import codec
from schemas.config import Config
from schemas.packet import Marker, Packet
from tests.pipeline.events import encode, loans

WINDOW_S, LEARNED = 200, 24
EVIL = "<script>alert('x')</script>&\"/é -> #?%"


class Said(NamedTuple):
    """The last two are the headers `look_at` of the first two, where there are any."""

    windows: list[bytes]
    alerts: list[bytes]
    of_windows: Sequence[bytes] = ()
    of_alerts: Sequence[bytes] = ()

    @classmethod
    def of(cls, closed: Iterable[Closing]) -> "Said":
        some = list(closed)
        records = [(r.encode(), _header(c.sighted(r.group))) for c in some for r in c.records]
        alerts = [(a.encode(), _header(c.look_at(a))) for c in some for a in c.alerts]
        return cls(
            [body for body, _ in records], [body for body, _ in alerts], [h for _, h in records], [h for _, h in alerts]
        )


def _header(sightings: Iterable[Sighting]) -> bytes:
    return codec.encode([sighting.to_json() for sighting in sightings])


def unsaid(_: str) -> Callable[[float], None]:
    """How far a stage of the work is, which nobody asks."""
    return lambda _: None


class ListHistory:
    """Events in memory, as one source partition."""

    begin_ms, end_ms = 0, 1 << 61

    def __init__(self, events: Sequence[bytes], frozen: FrozenParts) -> None:
        self._events = events
        self._frozen = frozen

    def stretches(self) -> Iterator[Stretch]:
        yield Stretch(self._events)

    def messages(self, config: Config, stretches: Iterable[Stretch], _: Counter[str]) -> Iterator[Packet | Marker]:
        return LocalIngest(config, self._frozen).messages(stretch.values for stretch in stretches)


def said(model: str, events: Iterable[bytes], learned: int = LEARNED, windows: int | None = None) -> Said:
    """What the monitor said of a model, up to so many windows."""
    models = [{"name": model, "baseline": {"learn": {"windows": learned}}, "segments": ["tags.country"]}]
    config = Config.from_mapping({"window": {"length": f"{WINDOW_S}s", "allowed_lateness": "1s"}, "models": models})
    closed = list(closings(config, {}, LocalIngest(config).messages([list(events)])))[:windows]
    return Said.of(closed)


@cache
def drifting(model: str, drift_at: int, events: int = 8000, seed: int = 1) -> Said:
    """Two of four signals drift from an event on."""
    return said(model, map(encode, loans(events, drift_at, model, seed)))


@cache
def scored() -> Said:
    """A model whose events are scored: in its last windows, one in 20 has a value and a term that do not go together."""
    model = {"name": "scored", "baseline": "scored.json", "segments": ["tags.country"]}
    config = Config.from_mapping(
        {
            "window": {"length": f"{WINDOW_S}s", "allowed_lateness": "1s"},
            "models": [model],
            "detection": {"anomalies": True},
        }
    )
    loaned = list(loans(8000, 8000, "scored"))
    for at, loan in enumerate(loaned):
        strange = at >= 6400 and at % 20 == 0
        loan["features"]["term"] = loan["features"]["value"] / 400 * (30 if strange else 1)
    events = [encode(loan) for loan in loaned]
    baseline, _ = build(config, lambda _, frozen: ListHistory(events[:6000], frozen), None, unsaid)
    ingest = LocalIngest(config, frozen_of(config, {"scored": baseline}))
    return Said.of(closings(config, {"scored": baseline}, ingest.messages([events[6000:]])))


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
    for value, look_at in zip_longest(said.alerts, said.of_alerts):
        chronicle.alert(value, look_at)
    for value, look_at in zip_longest(said.windows, said.of_windows):
        chronicle.window(value, look_at)
    return chronicle
