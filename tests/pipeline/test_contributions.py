"""What an alert says of its causes: which signals and which segments explain how much, through the whole core."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pipeline.history.local import LocalIngest, closings
from pipeline.monitor.closing import Closing
from schemas import codec
from schemas.alert import Alert, AlertState
from schemas.config import Config
from schemas.contributions import MOST_SEGMENTS, MOST_SIGNALS
from schemas.verdict import State
from schemas.window import Cell

WINDOW_MS, EVENTS, LEARNED, WELL = 60_000, 200, 24, 2
START_MS = 1_700_000_040_000
COUNTRIES = ("DE", "FR", "IT", "ES", "PT", "NL", "BE")
PATHS = ("tags.country", "tags.plan")

Change = Callable[[dict[str, Any], np.random.Generator], None]


def config(**more: Any) -> Config:
    models = [{"name": "m", "baseline": {"learn": {"windows": LEARNED}}, "segments": list(PATHS)} | more]
    detection = {"resolve_after": 2}
    window = {"length": "1m", "allowed_lateness": "1s"}
    return Config.from_mapping({"window": window, "models": models, "detection": detection})


def as_it_is(event: dict[str, Any], _: np.random.Generator) -> None:
    pass


def events(windows: int, changed: Change, signals: int = 2, seed: int = 1, usual: Change = as_it_is) -> Iterator[bytes]:
    """Events of that many windows after those that are learned and `WELL` more; `changed` alters those of them, `usual`
    the others."""
    rng = np.random.default_rng(seed)
    first = (LEARNED + WELL) * EVENTS
    for at in range(first + windows * EVENTS):
        country = COUNTRIES[int(rng.integers(len(COUNTRIES)))]
        features = {f"s{i:02d}": float(rng.normal()) for i in range(signals)}
        event = {
            "event_id": str(at),
            "ts": START_MS + at * (WINDOW_MS // EVENTS),
            "model": "m",
            "version": "1",
            "features": features,
            "tags": {"country": country, "plan": "ab"[at % 2]},
        }
        (changed if at >= first else usual)(event, rng)
        yield codec.encode(event)


def closed(
    windows: int, changed: Change, cfg: Config | None = None, signals: int = 2, usual: Change = as_it_is
) -> list[Closing]:
    cfg = cfg or config()
    return list(closings(cfg, {}, LocalIngest(cfg).messages([list(events(windows, changed, signals, usual=usual))])))


def fired(some: list[Closing]) -> list[Alert]:
    return [a for closing in some for a in closing.alerts if a.state is AlertState.FIRING]


def of_whole(alerts: list[Alert], signal: str) -> Alert:
    return next(alert for alert in alerts if alert.segment is None and alert.signal == signal)


def shift_two(event: dict[str, Any], _: np.random.Generator) -> None:
    """One more than the other, everywhere."""
    event["features"]["s00"] += 2.0
    event["features"]["s01"] += 1.2


def shift_country(event: dict[str, Any], _: np.random.Generator) -> None:
    if event["tags"]["country"] == "FR":
        event["features"]["s00"] += 4.0


def nulls_of_country(event: dict[str, Any], rng: np.random.Generator) -> None:
    """A burst of nulls in one country, and values as they were."""
    if event["tags"]["country"] == "FR" and rng.random() < 0.7:
        event["features"]["s00"] = None


def lists_of_country(event: dict[str, Any], rng: np.random.Generator) -> None:
    """Values of no use in one country, and some elsewhere."""
    if rng.random() < (0.7 if event["tags"]["country"] == "FR" else 0.05):
        event["features"]["s00"] = [1]


def strings_for_lists(event: dict[str, Any], rng: np.random.Generator) -> None:
    lists_of_country(event, rng)
    if event["features"]["s00"] == [1]:
        event["features"]["s00"] = "n/a"


def all_french(event: dict[str, Any], _: np.random.Generator) -> None:
    event["tags"]["country"] = "FR"
    shift_two(event, _)


def shift_all(event: dict[str, Any], _: np.random.Generator) -> None:
    for name in event["features"]:
        event["features"][name] += 2.0


def test_signals_are_ranked_by_how_much_they_explain() -> None:
    alert = of_whole(fired(closed(1, shift_two)), "s01")
    assert alert.contributions is not None
    first, second = alert.contributions.signals
    assert (first.signal, second.signal) == ("s00", "s01")
    assert first.excess > 2 * second.excess > 0
    assert first.share + second.share == pytest.approx(1.0)
    assert second.effect == alert.effect


def test_the_segment_that_moved_explains_it_from_within() -> None:
    alert = of_whole(fired(closed(1, shift_country)), "s00")
    assert alert.contributions is not None
    first = alert.contributions.segments[0]
    assert first.segment == ("tags.country", "FR")
    assert first.share > 0.5 > 3 * first.weight
    assert first.within > 10 * abs(first.mix)
    assert alert.contributions.moved == pytest.approx(alert.effect, abs=0.1)


def test_of_nulls_alone_everything_tells_of_nulls() -> None:
    [closing] = [closing for closing in closed(1, nulls_of_country) if closing.alerts]
    alert = of_whole(list(closing.alerts), "s00")
    [record] = [s for r in closing.records if r.segment is None for s in r.signals if s.name == "s00"]
    assert record.state is State.DRIFT
    assert {v["detector"] for v in record.verdicts if v["state"] == "drift"} == {"null_rate"}
    share = record.null / EVENTS
    assert alert.summary.startswith(f"s00: null from 0 % to {100 * share:.2g} % of events")
    assert alert.effect == pytest.approx(share)
    assert alert.cells[0] == record.cells[0] == Cell("null", 0, record.null)
    assert sum(cell.current for cell in record.cells) == EVENTS
    assert alert.contributions is not None
    first, *_ = alert.contributions.signals
    assert (first.signal, first.effect) == ("s00", alert.effect)
    assert first.excess > 20.0
    assert alert.contributions.moved == pytest.approx(share)
    french, *others = alert.contributions.segments
    assert french.segment == ("tags.country", "FR")
    assert french.share == pytest.approx(1.0, abs=0.2)
    assert french.within == pytest.approx(share, abs=0.02)
    assert all(other.within == 0.0 for other in others if other.segment[0] == "tags.country")


def test_a_type_in_place_of_values_of_no_use_is_told_as_a_type() -> None:
    [closing] = [closing for closing in closed(1, strings_for_lists, usual=lists_of_country) if closing.alerts]
    alert = of_whole(list(closing.alerts), "s00")
    share = alert.cells[0].current / EVENTS
    assert 0.05 < share < 0.3
    assert alert.summary.startswith(f"s00: {100 * share:.2g} % of values of types that the baseline lacks (strings)")
    assert (alert.cells[0].label, alert.cells[0].reference) == ("types that the baseline lacks", 0)
    assert alert.effect == pytest.approx(share)
    assert alert.contributions is not None
    assert alert.contributions.moved == pytest.approx(share)
    french, *_ = alert.contributions.segments
    assert french.segment == ("tags.country", "FR")
    assert french.share > 0.5


def test_more_values_of_no_use_are_told_as_such() -> None:
    [closing] = [closing for closing in closed(1, lists_of_country) if closing.alerts]
    alert = of_whole(list(closing.alerts), "s00")
    share = alert.cells[0].current / EVENTS
    assert alert.summary.startswith(f"s00: values of no use (other) from 0 % to {100 * share:.2g} % of events")
    assert (alert.cells[0].label, alert.cells[0].reference) == ("values of no use", 0)
    assert alert.contributions is not None
    assert alert.contributions.moved == pytest.approx(share) == pytest.approx(alert.effect)


def test_the_parts_of_a_paths_segments_sum_to_what_moved() -> None:
    alert = of_whole(fired(closed(1, shift_two, config(segments=["tags.plan"]))), "s00")
    assert alert.contributions is not None
    plans = alert.contributions.segments
    assert len(plans) == 2
    assert sum(plan.mix + plan.within for plan in plans) == pytest.approx(alert.contributions.moved)
    assert sum(plan.share for plan in plans) == pytest.approx(1.0)
    assert sum(plan.reference for plan in plans) == LEARNED * EVENTS
    assert sum(plan.current for plan in plans) == alert.window_events == EVENTS


def test_segments_that_are_gone_are_mix() -> None:
    alert = of_whole(fired(closed(1, all_french, config(segments=["tags.country"]))), "s00")
    assert alert.contributions is not None
    shares = {share.segment[1]: share for share in alert.contributions.segments}
    assert shares["FR"].current == EVENTS
    assert shares["FR"].within > 0.5 * (alert.contributions.moved or 0.0) * shares["FR"].weight
    gone = [share for name, share in shares.items() if name != "FR"]
    assert {(share.current, share.within) for share in gone} == {(0, 0.0)}


def test_more_of_a_country_that_is_otherwise_explains_it_by_the_mix() -> None:
    rng = np.random.default_rng(3)

    def with_level(share: float) -> Iterator[bytes]:
        for at in range((LEARNED + 1) * EVENTS):
            if at >= LEARNED * EVENTS:
                share = 0.8
            country = "FR" if rng.random() < share else "DE"
            level = 3.0 if country == "FR" else 0.0
            yield codec.encode(
                {
                    "event_id": str(at),
                    "ts": START_MS + at * (WINDOW_MS // EVENTS),
                    "model": "m",
                    "version": "1",
                    "features": {"s00": float(rng.normal(level))},
                    "tags": {"country": country, "plan": "a"},
                }
            )

    cfg = config()
    alert = of_whole(fired(list(closings(cfg, {}, LocalIngest(cfg).messages([list(with_level(0.2))])))), "s00")
    assert alert.contributions is not None
    countries = [s for s in alert.contributions.segments if s.segment[0] == "tags.country"]
    assert {s.segment[1] for s in countries} == {"DE", "FR"}
    assert sum(s.mix for s in countries) > 0.85 * (alert.contributions.moved or 0.0)


def test_a_thousand_signals_or_segments_make_no_alert_larger() -> None:
    alerts = fired(closed(1, shift_all, signals=12))
    whole = [alert for alert in alerts if alert.segment is None]
    assert len(whole) == 12
    for alert in whole:
        assert alert.contributions is not None
        assert len(alert.contributions.signals) == MOST_SIGNALS
        asked = alert.signal in {share.signal for share in alert.contributions.signals}
        assert len(alert.contributions.segments) == (MOST_SEGMENTS if asked else 0)
        assert (alert.contributions.moved is not None) == asked
        assert len(alert.encode()) < 6_000
    assert len({alert.contributions.signals for alert in whole if alert.contributions}) == 1


def test_alerts_of_segments_rank_their_own_signals_and_those_that_resolve_say_nothing() -> None:
    first = (LEARNED + WELL) * EVENTS

    def briefly(event: dict[str, Any], rng: np.random.Generator) -> None:
        if int(event["event_id"]) < first + EVENTS:
            shift_two(event, rng)

    some = closed(4, briefly)
    for alert in fired(some):
        assert alert.contributions is not None
        assert alert.segment is None or alert.contributions.segments == ()
        assert alert.contributions.signals[0].signal == "s00"
    resolved = [a for closing in some for a in closing.alerts if a.state is AlertState.RESOLVED]
    assert resolved
    assert {alert.contributions for alert in resolved} == {None}
    assert {a.summary for a in resolved if a.signal == "s00"} == {"s00: no change that matters in 2 windows in a row"}


def test_segments_that_do_not_add_up_to_the_whole_explain_nothing() -> None:
    """They are still learned: the path came later than the whole."""
    first = 8 * EVENTS

    def late(event: dict[str, Any]) -> dict[str, Any]:
        if int(event["event_id"]) < first:
            del event["tags"]
        return event

    raw = (late(codec.decode(value)) for value in events(1, shift_two))
    cfg = config(segments=["tags.country"])
    alert = of_whole(
        fired(list(closings(cfg, {}, LocalIngest(cfg).messages([[codec.encode(event) for event in raw]])))), "s00"
    )
    assert alert.contributions is not None
    assert len(alert.contributions.signals) == 2
    assert alert.contributions.segments == ()
    assert alert.contributions.moved is None


def test_the_onset_of_the_incident_stands_on_every_alert() -> None:
    alerts = [alert for closing in closed(3, shift_two) for alert in closing.alerts]
    assert {alert.incident_onset_ms for alert in alerts} == {START_MS + (LEARNED + WELL) * WINDOW_MS}
    assert len({alert.incident for alert in alerts}) == 1
