"""A change too small for one window, that lasts: told once, and resolved once."""

import numpy as np

from pipeline.history.local import LocalIngest, closings
from schemas.alert import AlertState
from schemas.config import Config
from tests.pipeline.events import START_MS, encode, event

WINDOW_S, EVENTS, LEARNED, WINDOWS = 60, 120, 60, 180
BEGIN, END = 90, 130
CONFIG = Config.from_mapping(
    {
        "window": {"length": f"{WINDOW_S}s", "allowed_lateness": "0s"},
        "models": [{"name": "m", "baseline": {"learn": {"windows": LEARNED}}}],
    }
)


def values(seed: int) -> list[bytes]:
    rng = np.random.default_rng(seed)
    window = np.arange(WINDOWS * EVENTS) // EVENTS
    x = rng.normal(size=len(window)) + np.where((window >= BEGIN) & (window < END), 0.28, 0.0)
    step = WINDOW_S * 1000 // EVENTS
    features = [{"x": value, "c": str(c)} for value, c in zip(x.tolist(), rng.choice(list("abc"), len(x)), strict=True)]
    return [encode(event(i, START_MS + i * step, features=some)) for i, some in enumerate(features)]


def test_a_small_change_that_lasts_fires_once_and_resolves() -> None:
    [*closed] = closings(CONFIG, {}, LocalIngest(CONFIG).messages([values(3)]))
    alerts = [
        (alert, (closing.start_ms - START_MS) // 1000 // WINDOW_S) for closing in closed for alert in closing.alerts
    ]
    assert [(alert.signal, alert.state) for alert, _ in alerts] == [
        ("x", AlertState.FIRING),
        ("x", AlertState.RESOLVED),
    ]
    (fired, began), (_, ended) = alerts
    assert BEGIN < began < BEGIN + 15
    assert END <= ended < END + 10
    evidence = {verdict["detector"]: verdict for verdict in fired.evidence}
    assert evidence["sustained"]["state"] == "drift"
    assert evidence["g"]["state"] != "drift", "one window shows it, so this test shows nothing"
