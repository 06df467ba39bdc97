"""What a backtest found, as tables for people and as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from pipeline.backtest.backtest import Backtest, BaselineUsed, IncidentSeen, ModelSeen, SignalSeen
from pipeline.backtest.injection import Kind
from pipeline.backtest.power import Found, Power
from pipeline.backtest.suggestion import Suggested
from schemas.duration import UNITS_MS
from schemas.group import segment_text
from schemas.instant import instant
from schemas.verdict import State

MOST_ROWS = 12
_STATES = (State.OK, State.WARNING, State.DRIFT, State.INSUFFICIENT, State.LEARNING, State.NO_DATA)
_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.DRIFT: "red"}


def duration_text(ms: float) -> str:
    """A duration as people read it, in its largest unit: 2.5 h."""
    unit, length = next(((unit, n) for unit, n in UNITS_MS.items() if ms >= 1.5 * n and unit != "w"), ("ms", 1))
    return f"{ms / length:.3g} {unit}"


def models_table(seen: Backtest) -> Table:
    """A row for each model: its baseline, how long it was judged, its incidents against the budget, its windows."""
    shown = [s for s in _STATES if s is not State.LEARNING and any(model.states[s] for model in seen.models)]
    table = Table("model", "baseline", "judged", "incidents", "a week", "budget spent", *map(str, shown))
    for model in seen.models:
        expected = model.budget.at_most * model.span_ms / model.budget.per_ms
        spent = f"{model.budget_spent:.0%}, {expected:.2g} expected"
        table.add_row(
            Text(model.model),
            _baseline_text(model.baseline, model),
            f"{len(model.judged):,} windows, {duration_text(model.span_ms)}",
            str(len(model.incidents)),
            f"{model.incidents_per_week:.2g}",
            Text(spent, "green" if model.budget_spent <= 1 else "red"),
            *(Text(f"{model.states[state]:,}", _COLOURS.get(state, "")) for state in shown),
        )
    return table


def _baseline_text(used: BaselineUsed, model: ModelSeen) -> str:
    if not used.learned:
        return f"a file, {used.windows:,} windows"
    share = used.windows / max(1, len(model.windows))
    return f"learned, {used.windows:,} windows: {share:.0%} of the history"


def incidents_table(model: ModelSeen) -> Table:
    """The incidents of a model, the last `MOST_ROWS`."""
    table = Table("onset", "fired", "lasted", "effect", "signals", title=_title(f"incidents of {model.model}"))
    for incident in model.incidents[-MOST_ROWS:]:
        over = incident.resolved_ms
        table.add_row(
            instant(incident.onset_ms),
            instant(incident.fired_ms),
            "still open" if over is None else duration_text(over - incident.onset_ms),
            f"{incident.effect:.2g}",
            Text(", ".join(incident.signals)),
        )
    return table


def signals_table(model: ModelSeen) -> Table:
    """The signals of a model, those that fired most first, `MOST_ROWS` of them."""
    known = any(signal.detectable is not None for signal in model.signals)
    ranked = sorted(
        model.signals, key=lambda s: (-s.fired, -s.states.get(State.DRIFT, 0), -s.states.get(State.WARNING, 0))
    )
    versions = len({signal.group.version for signal in model.signals}) > 1
    columns = [
        "signal",
        *(["version"] if versions else []),
        "segment",
        "fired",
        "drift",
        "warning",
        "windows",
        *(["detectable"] if known else []),
    ]
    table = Table(*columns, title=_title(f"signals of {model.model}"))
    for signal in ranked[:MOST_ROWS]:
        row: list[str | Text] = [Text(signal.name), *([Text(signal.group.version)] if versions else [])]
        row += [Text(segment_text(signal.group.segment)), str(signal.fired)]
        row += [f"{n:,}" for n in (signal.states.get(State.DRIFT, 0), signal.states.get(State.WARNING, 0))]
        row += [f"{sum(signal.states.values()):,}"]
        row += [_number(signal.detectable)] if known else []
        table.add_row(*row)
    return table


def powers_table(powers: Sequence[Power], within: str) -> Table:
    """A row for each injection and size."""
    table = Table(
        "injected", "size", "trials", "found", "95 %", "delay", "without", "by",
        title=_title(f"found within {within}, of what was injected"),
    )  # fmt: skip
    several = len({power.model for power in powers}) > 1
    before: object = None
    for power in powers:
        what = (power.model, power.kind, power.signal)
        name = f"{power.kind} {power.signal}" + (f" of {power.model}" if several else "")
        by = "  ".join(f"{detector} {found.power:.2f}" for detector, found in _by_power(power.detectors))
        if before not in (None, what):
            table.add_section()
        table.add_row(
            Text("" if before == what else name),
            size_text(power),
            str(power.alert.trials),
            Text(f"{power.alert.power:.2f}", _power_colour(power.alert.power)),
            f"{power.alert.low:.2f} to {power.alert.high:.2f}",
            _delay_text(power.alert),
            f"{power.nothing.power:.2f}",
            Text(by),
        )
        before = what
    return table


def size_text(power: Power) -> str:
    """A size as people read it, with what it comes to in the signal's own unit."""
    if power.amount is not None:
        return f"{power.size:g} sd = {power.amount:+.3g}"
    if power.kind is Kind.SCALE:
        return f"x {power.size:g}"
    return f"{power.size:.3g} of {'the top category' if power.kind is Kind.SWAP else 'events'}"


def _by_power(detectors: Mapping[str, Found]) -> Iterable[tuple[str, Found]]:
    return sorted(detectors.items(), key=lambda item: (-item[1].power, item[0]))


def _power_colour(power: float) -> str:
    return "green" if power >= 0.8 else "yellow" if power >= 0.3 else "red"


def _delay_text(found: Found) -> str:
    if found.windows is None or found.delay_ms is None:
        return ""
    noun = "window" if found.windows == 1 else "windows"
    return f"{found.windows:g} {noun}, {duration_text(found.delay_ms)}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _title(text: str) -> Text:
    return Text(text, "table.title")


def as_json(
    seen: Backtest, powers: Sequence[Power], suggested: Suggested | None, again: Sequence[Power]
) -> dict[str, Any]:
    """The whole, with times in epoch milliseconds; `again` are the powers with what is suggested. What does not apply is
    null or left out."""
    return {
        "events": dict(seen.events),
        "windows": dict(seen.windows),
        "models": [_model(model) for model in seen.models],
        "unjudged": dict(seen.unjudged),
        "injections": [_power(power) for power in powers],
        "suggestion": None if suggested is None else _suggested(suggested, again),
    }


def _model(model: ModelSeen) -> dict[str, Any]:
    used = model.baseline
    return {
        "model": model.model,
        "baseline": {
            "from": "history" if used.learned else "file",
            "windows": used.windows,
            "events": used.events,
            "begin_ms": used.begin_ms,
            "end_ms": used.end_ms,
        },
        "windows": {str(state): n for state, n in sorted(model.states.items())},
        "span_ms": model.span_ms,
        "level": model.level,
        "budget": {"at_most": model.budget.at_most, "per_ms": model.budget.per_ms, "spent": model.budget_spent},
        "incidents_per_week": model.incidents_per_week,
        "incidents": [_incident(incident) for incident in model.incidents],
        "signals": [_signal(signal) for signal in model.signals],
    }


def _incident(incident: IncidentSeen) -> dict[str, Any]:
    return {
        "id": incident.id,
        "onset_ms": incident.onset_ms,
        "fired_ms": incident.fired_ms,
        "resolved_ms": incident.resolved_ms,
        "effect": incident.effect,
        "signals": list(incident.signals),
    }


def _signal(signal: SignalSeen) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": signal.name,
        "version": signal.group.version,
        "segment": signal.group.segment and list(signal.group.segment),
        "fired": signal.fired,
        "windows": {str(state): n for state, n in sorted(signal.states.items())},
        "constant": signal.constant,
    }
    return found if signal.detectable is None else found | {"minimum_detectable_effect": signal.detectable}


def _power(power: Power) -> dict[str, Any]:
    return {
        "model": power.model,
        "kind": str(power.kind),
        "signal": power.signal,
        "size": power.size,
        "amount": power.amount,
        "alert": _found(power.alert),
        "without": _found(power.nothing),
        "detectors": {name: _found(found) for name, found in power.detectors.items()},
    }


def _found(found: Found) -> dict[str, Any]:
    return {
        "trials": found.trials,
        "found": found.found,
        "power": found.power,
        "interval": [found.low, found.high],
        "delay_windows": found.windows,
        "delay_ms": found.delay_ms,
    }


def _suggested(suggested: Suggested, again: Sequence[Power]) -> dict[str, Any]:
    return {
        "diff": suggested.diff,
        "injections": [_power(power) for power in again],
        "changes": [
            {
                "settings": [
                    {"setting": c.setting, "before": c.before, "after": c.after, "reason": c.reason} for c in s.changes
                ],
                "effect": s.effect,
            }
            for s in suggested.suggestions
        ],
    }
