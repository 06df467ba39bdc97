"""What `/metrics` says of models, their groups and their signals: at most `metrics.max_series` series of each model."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from pipeline.serving.board import SECONDS, Board, GroupStatus, SignalStatus
from pipeline.serving.exported import OTHER, Cost, Rest, exported
from pipeline.serving.page.course import SERIES, Course
from schemas.config import Config
from schemas.group import Group, segment_text
from schemas.verdict import State

CourseOf = Callable[[Group], Course | None]

_GROUP = ["model", "version", "segment"]
_SIGNAL = [*_GROUP, "signal"]


def model_series(board: Board, config: Config, course_of: CourseOf | None = None) -> Iterator[Metric]:
    """The series of the windows last closed, the worst of each model where it has more than it may."""
    shown = exported(board.groups.values(), config.metrics.max_series, _COST)
    dropped = GaugeMetricFamily("driftline_series_dropped", "Series of the model that are left out.", labels=["model"])
    for model, n in shown.dropped.items():
        dropped.add_metric([model], n)
    least = config.detection.minimum_effect
    yield GaugeMetricFamily("driftline_minimum_effect_ratio", "Effects below this are no drift.", value=least)
    yield dropped
    yield _baselines(config, shown.dropped)
    yield from _groups(shown.groups)
    if course_of is not None:
        yield _courses(shown.groups, course_of)
    yield from _signals(shown.groups, shown.rests)
    yield _quantiles(shown.groups, [f"{share:g}" for share in config.metrics.quantiles])


def _baselines(config: Config, models: Iterable[str]) -> Metric:
    """What each model is compared with, as it is configured."""
    family = InfoMetricFamily("driftline_baseline", "What the model is compared with.", labels=["model"])
    for name in models:
        model = config.model(name)
        if model is not None:
            said = {
                "source": "learned" if model.learned_windows else "file",
                "season": str(model.season),
                "rolling_windows": str(model.rolling_windows),
            }
            family.add_metric([name], said)
    return family


def _groups(groups: list[GroupStatus]) -> Iterator[Metric]:
    end = GaugeMetricFamily("driftline_window_end_timestamp_seconds", "End of the last window closed.", labels=_GROUP)
    events = GaugeMetricFamily("driftline_window_events", "Events of the last window closed.", labels=_GROUP)
    baseline = GaugeMetricFamily("driftline_baseline_events", "Events of the baseline.", labels=_GROUP)
    learned = GaugeMetricFamily(
        "driftline_baseline_learned_windows", "Windows that the baseline has, while it is learned.", labels=_GROUP
    )
    for status in groups:
        labels = _group_labels(status)
        end.add_metric(labels, status.end_ms / SECONDS)
        events.add_metric(labels, status.events)
        baseline.add_metric(labels, status.baseline_events)
        _add(learned, labels, status.learned_windows)
    yield from (end, events, baseline, learned)


def _courses(groups: list[GroupStatus], course_of: CourseOf) -> Metric:
    scores = GaugeMetricFamily(
        "driftline_course_anomaly_score",
        "How unusual the last window is among those before it, from 0 to 1, in a series of the group's own.",
        labels=[*_GROUP, "series"],
    )
    for status in groups:
        course = course_of(status.group)
        for name, step in course.last.items() if course else ():
            scores.add_metric([*_group_labels(status), name], step.score)
    return scores


# What is shown of each detector's verdict: a number from 0 to 1, but for PSI and Wasserstein.
_DISTANCES = {
    "psi": ("driftline_psi", "Population stability index against the baseline."),
    "ks": ("driftline_ks_ratio", "Kolmogorov-Smirnov distance to the baseline."),
    "js": ("driftline_js_ratio", "Jensen-Shannon distance to the baseline."),
    "wasserstein": ("driftline_wasserstein_ratio", "Wasserstein distance to the baseline, in its spreads."),
    "out_of_range": ("driftline_out_of_range_ratio", "Share of values outside the baseline's range."),
    "anomalous": ("driftline_anomalous_ratio", "Share of events as anomalous as one in 1,000 of the baseline's."),
    "unseen": ("driftline_unseen_ratio", "Share of values in categories the baseline lacks."),
}


def _signals(groups: list[GroupStatus], rests: list[Rest]) -> Iterator[Metric]:
    null = GaugeMetricFamily(
        "driftline_null_ratio", "Share of events that lack the signal or have null.", labels=_SIGNAL
    )
    mean = GaugeMetricFamily("driftline_mean", "Mean of the window's numbers, in the signal's unit.", labels=_SIGNAL)
    p_value = GaugeMetricFamily("driftline_p_value", "P-value of the primary test.", labels=_SIGNAL)
    level = GaugeMetricFamily("driftline_p_value_level", "The level that the p-value is held against.", labels=_SIGNAL)
    psi_threshold = GaugeMetricFamily("driftline_psi_threshold", "What chance makes of the PSI.", labels=_SIGNAL)
    effect = GaugeMetricFamily("driftline_effect_ratio", "Effect of the primary test.", labels=_SIGNAL)
    least = GaugeMetricFamily(
        "driftline_minimum_detectable_effect_ratio",
        "The effect that would be found with a power of 0.8.",
        labels=_SIGNAL,
    )
    state = GaugeMetricFamily("driftline_signal_state", "1 for the state the signal is in.", labels=[*_SIGNAL, "state"])
    firing = GaugeMetricFamily("driftline_alert_firing", "1 while an alert of the signal is firing.", labels=_SIGNAL)
    distances = {name: GaugeMetricFamily(*family, labels=_SIGNAL) for name, family in _DISTANCES.items()}
    for status in groups:
        for signal in status.signals:
            labels = [*_group_labels(status), signal.name]
            null.add_metric(labels, signal.null_ratio)
            _add(mean, labels, signal.mean)
            _add(p_value, labels, signal.p_value)
            _add(level, labels, signal.level)
            _add(psi_threshold, labels, signal.psi_threshold)
            _add(effect, labels, signal.effect)
            _add(least, labels, signal.minimum_detectable_effect)
            for one in State:
                state.add_metric([*labels, one], float(one is signal.state))
            firing.add_metric(labels, float(signal.firing))
            for detector, shown in signal.distances:
                if detector in distances:
                    distances[detector].add_metric(labels, shown)
    for rest in rests:
        labels = [rest.model, OTHER, OTHER, OTHER]
        for one in State:
            state.add_metric([*labels, one], rest.states[one])
        firing.add_metric(labels, float(rest.firing))
    yield from (null, mean, p_value, level, psi_threshold, effect, least, state, firing, *distances.values())


def _quantiles(groups: list[GroupStatus], shares: list[str]) -> Metric:
    family = GaugeMetricFamily(
        "driftline_quantile", "Quantile of the window's numbers, in the signal's unit.", labels=[*_SIGNAL, "q"]
    )
    for status in groups:
        for signal in status.signals:
            labels = [*_group_labels(status), signal.name]
            for share, value in zip(shares, signal.quantiles, strict=False):  # none where there are no numbers
                family.add_metric([*labels, share], value)
    return family


def _series_of(signal: SignalStatus) -> int:
    """How many series `_signals` and `_quantiles` make of it."""
    may_lack = (
        signal.mean,
        signal.p_value,
        signal.level,
        signal.psi_threshold,
        signal.effect,
        signal.minimum_detectable_effect,
    )
    shown = sum(detector in _DISTANCES for detector, _ in signal.distances)
    return 2 + len(State) + sum(value is not None for value in may_lack) + shown + len(signal.quantiles)


def _series_of_group(status: GroupStatus) -> int:
    """How many series there are at most of the group itself."""
    return 3 + (status.learned_windows is not None) + (len(SERIES) if status.group.segment is None else 0)


_COST = Cost(_series_of_group, _series_of)


def _add(family: GaugeMetricFamily, labels: list[str], value: float | None) -> None:
    if value is not None:
        family.add_metric(labels, value)


def _group_labels(status: GroupStatus) -> list[str]:
    group = status.group
    return [group.model, group.version, segment_text(group.segment)]
