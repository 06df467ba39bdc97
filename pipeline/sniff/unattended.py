"""The configuration of files that have none: what `sniff` proposes, with windows and a baseline that these files have enough
events for."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.events.event_time import Times
from pipeline.events.reader import EventReader
from pipeline.sniff.proposal import MOST_MODELS, proposed
from pipeline.sniff.sample import Sample
from pipeline.sniff.yaml_text import text_of
from schemas.config import Config
from schemas.duration import format_duration, parse_duration
from schemas.errors import InputError

_MINUTE_MS = 60_000
_SHORTER_MS = [_MINUTE_MS * minutes for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440)]
_WINDOWS = 50  # half of them learned from, these give verdicts and those have something to judge
_EVENTS = 50
_LEAST_LEARNED, _MOST_LEARNED = 40, 288


class Extent(NamedTuple):
    """How long the events of files last, how many each model has, and how many records are refused for which reason."""

    span_ms: int
    models: Counter[str]
    refused: Counter[str]

    def windows(self, length_ms: int) -> int:
        """How many there are, about: the thousandths that were left out are made up for."""
        return round(self.span_ms / length_ms)

    def length_ms(self, proposed_ms: int) -> int:
        """The window that was proposed, or the longest shorter one of which there are enough; it has enough events of a
        model of middling size."""
        if not self.models or self.windows(proposed_ms) >= _WINDOWS:
            return proposed_ms
        middling = float(np.median(list(self.models.values())))
        fit = [
            length
            for length in _SHORTER_MS
            if length < proposed_ms and self.windows(length) >= _WINDOWS and middling / self.windows(length) >= _EVENTS
        ]
        return fit[-1] if fit else proposed_ms

    def learned(self, length_ms: int) -> int:
        """How many windows the baseline is learned from: a third of them, or half, where a third are too few."""
        windows = self.windows(length_ms)
        return max(2, min(max(windows // 3, _LEAST_LEARNED), windows // 2, _MOST_LEARNED))


def extent_of(config: Config, batches: Iterable[Sequence[bytes]]) -> Extent:
    """That of all events that can be read, but for the thousandth at either end of their times: a wrong clock is no
    history. O(n log n)."""
    reader, models, refused, times = EventReader(config), Counter[str](), Counter[str](), list[Times]()
    for values in batches:
        events = reader.read(values)
        models.update(events.models)
        refused.update(map(str, events.refusals.values()))
        times.append(events.times_ms)
    if not models:
        return Extent(0, models, refused)
    first, last = np.quantile(np.concatenate(times), [0.001, 0.999])
    return Extent(int(last - first), models, refused)


class Unattended:
    """Makes the configuration: first what tells the events apart, then, with what the files hold, all of it."""

    def __init__(self, sample: Sample) -> None:
        """Raises as `proposed` does."""
        self._sample = sample
        self._proposal = proposed(sample)
        self._sections: dict[str, Any] = {
            "window": self._proposal.window, "event": self._proposal.event, "models": self._proposal.models
        }  # fmt: skip
        self.reading = Config.from_mapping(self._sections, "what sniff proposes")

    def config(self, extent: Extent) -> Config:
        """Raises InputError where no event can be read."""
        return Config.from_mapping(self._of(extent), "what sniff proposes")

    def text(self, extent: Extent) -> str:
        """The same as YAML."""
        head = f"Proposed by driftline replay from {extent.models.total():,} events of {self._sample.name}."
        why = {name: text for name, text in self._proposal.why.items() if name not in ("models", "window.length")}
        return text_of(self._of(extent), why, self._proposal.notes, head)

    def _of(self, extent: Extent) -> dict[str, Any]:
        if not extent.models:
            why = ", ".join(f"{n:,} as {reason}" for reason, n in extent.refused.most_common(3))
            name = " ".join(map(str, self._sample.paths))
            raise InputError(
                f"no event can be read, records are refused: {why}; driftline sniff {name} says what stands where"
            )
        length_ms = extent.length_ms(parse_duration(self._proposal.window["length"]))
        learn = {"baseline": {"learn": {"windows": extent.learned(length_ms)}}}
        listed = self._proposal.models
        told = {} if isinstance(listed, str) else {model["name"]: model for model in listed}
        names = list(told) if told else [name for name, _ in extent.models.most_common(MOST_MODELS)]
        models = [{**told.get(name, {"name": name}), **learn} for name in names]
        window = {**self._proposal.window, "length": format_duration(length_ms)}
        return {**self._sections, "window": window, "models": models}
