"""The picture of a backtest: each model's windows and incidents over time, its budget, and how power grows with size."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.backtest.backtest import Backtest, ModelSeen
from pipeline.backtest.power import Power
from schemas.errors import InputError
from schemas.verdict import State

_KINDS = (".png", ".svg", ".pdf")
_INK, _GREY, _LINE = "#1f2933", "#7b8794", "#e4e7eb"
_STATES: Mapping[State, str] = {
    State.OK: "#8fbf9f",
    State.WARNING: "#f2c14e",
    State.DRIFT: "#d1495b",
    State.INSUFFICIENT: "#c9cfd6",
    State.LEARNING: "#a9c5e8",
    State.NO_DATA: "#eef0f2",
}
_CURVES = ("#2a6f97", "#d1495b", "#3d8b5f", "#8a5fbf", "#c77d1e", "#5c677d", "#17a2a2", "#b5467e")
_MOST_BANDS = 2  # more of them hide each other


def check_target(path: Path) -> None:
    """Raises InputError where no picture can be drawn there, with what to do."""
    if path.suffix.lower() not in _KINDS:
        raise InputError(f"{path}: a picture ends in {', '.join(_KINDS)}")
    _pyplot()


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise InputError("a picture needs matplotlib: pip install 'driftline[plot]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def draw(path: Path, seen: Backtest, powers: Sequence[Power]) -> None:
    """Writes the picture. Raises InputError where the file cannot be written."""
    plt = _pyplot()
    style = {"font.size": 9, "axes.edgecolor": _GREY, "text.color": _INK, "axes.labelcolor": _INK, "xtick.color": _GREY, "ytick.color": _GREY}  # fmt: skip
    with plt.rc_context(style):
        figure = _figure(plt, seen, powers)
        try:
            figure.savefig(path, dpi=150)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        finally:
            plt.close(figure)


def _figure(plt: Any, seen: Backtest, powers: Sequence[Power]) -> Any:
    many = len(seen.models)
    curves = [[power for power in powers if power.model == model.model] for model in seen.models]
    charts = [_charts(some) for some in curves]
    rows = [1.8 + 2.6 * bool(some) for some in charts]
    figure = plt.figure(figsize=(11, sum(rows) + 0.7 * many), layout="constrained")
    parts = figure.subfigures(many, 1, height_ratios=rows, squeeze=False)[:, 0]
    for part, model, some in zip(parts, seen.models, charts, strict=True):
        grid = part.add_gridspec(3 if some else 2, max(1, len(some)), height_ratios=[0.32, 1, 1.9][: 3 if some else 2])
        strip = part.add_subplot(grid[0, :])
        _windows(strip, model)
        _budget(part.add_subplot(grid[1, :], sharex=strip), model)
        signals = sorted({signal for lines in some.values() for signal in lines})
        colours = {signal: _CURVES[at % len(_CURVES)] for at, signal in enumerate(signals)}
        for at, (kind, lines) in enumerate(some.items()):
            _powers(part.add_subplot(grid[2, at]), kind, lines, colours)
    return figure


def _charts(powers: Sequence[Power]) -> dict[str, dict[str, list[Power]]]:
    """Powers by kind and signal, those of several sizes in order."""
    found: dict[str, dict[str, list[Power]]] = {}
    for power in sorted(powers, key=lambda p: p.size):
        found.setdefault(str(power.kind), {}).setdefault(power.signal, []).append(power)
    return found


def _windows(axes: Any, model: ModelSeen) -> None:
    """A strip of the windows by state."""
    met = [state for state in _STATES if model.states[state]]
    for state in met:
        spans = [(_date(w.start_ms), _date(w.end_ms) - _date(w.start_ms)) for w in model.windows if w.state is state]
        axes.broken_barh(spans, (0, 1), facecolors=_STATES[state], label=f"{state} {len(spans):,}")
    axes.set(ylim=(0, 1), yticks=[])
    axes.tick_params(labelbottom=False, bottom=False)
    axes.set_title(_headline(model), loc="left", fontsize=11, fontweight="bold")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(met), frameon=False, fontsize=8, handlelength=1)
    _bare(axes)


def _headline(model: ModelSeen) -> str:
    n = len(model.incidents)
    expected = model.budget.at_most * model.span_ms / model.budget.per_ms
    return f"{model.model}: {n} incident{'' if n == 1 else 's'}; the budget expects {expected:.2g}"


def _budget(axes: Any, model: ModelSeen) -> None:
    """Incidents so far as steps, what the budget allows so far as a line; each incident as a band while it is open."""
    begin = min(window.start_ms for window in model.judged)
    end = max(window.end_ms for window in model.judged)
    for incident in model.incidents:
        axes.axvspan(_date(incident.onset_ms), _date(incident.resolved_ms or end), color="#d1495b", alpha=0.14, lw=0)
    times = [begin, *(incident.fired_ms for incident in model.incidents), end]
    counts = [*range(len(model.incidents) + 1), len(model.incidents)]
    axes.step([_date(t) for t in times], counts, where="post", color="#d1495b", lw=1.8, label="incidents")
    allowed = model.budget.at_most * (end - begin) / model.budget.per_ms
    axes.plot([_date(begin), _date(end)], [0, allowed], color=_INK, lw=1.2, ls=(0, (4, 3)), label="the budget")
    first = min(window.start_ms for window in model.windows)
    if first < begin:
        axes.axvspan(_date(first), _date(begin), color=_LINE, alpha=0.6, lw=0)
        axes.text(
            _date((first + begin) // 2), 0.5, "baseline", transform=axes.get_xaxis_transform(), ha="center", color=_GREY
        )
    axes.set_ylim(0, max(1.15 * max(len(model.incidents), allowed), 1.15))
    axes.set_ylabel("incidents so far")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    _dated(axes)
    _bare(axes)


def _powers(axes: Any, kind: str, lines: Mapping[str, Sequence[Power]], colours: Mapping[str, str]) -> None:
    """Power by size with its interval where there is room, a curve for each signal; the line is a power of .8."""
    axes.axhline(0.8, color=_GREY, lw=0.8, ls=(0, (2, 3)))
    for signal, powers in lines.items():
        colour, sizes = colours[signal], [power.size for power in powers]
        axes.plot(sizes, [p.alert.power for p in powers], color=colour, lw=1.6, marker="o", ms=4, label=signal)
        if len(lines) <= _MOST_BANDS:
            low, high = [p.alert.low for p in powers], [p.alert.high for p in powers]
            axes.fill_between(sizes, low, high, color=colour, alpha=0.1, lw=0)
    axes.set(ylim=(-0.03, 1.03), xlabel=_UNITS[kind])
    axes.set_title(kind, loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="best")
    axes.grid(axis="y", color=_LINE, lw=0.8)
    axes.set_axisbelow(True)
    _bare(axes)
    axes.set_ylabel("power")


_UNITS = {
    "shift": "baseline standard deviations",
    "scale": "factor",
    "null": "share of events made null",
    "swap": "share of the most frequent category moved",
    "prior": "share of events resampled",
}


def _bare(axes: Any) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _dated(axes: Any) -> None:
    from matplotlib import dates as module

    dates: Any = module  # some of it has types, and these do not
    locator = dates.AutoDateLocator(tz=UTC, minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC))


def _date(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)
