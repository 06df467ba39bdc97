"""Which field of plain events is which, told from the values; a name decides where these leave it open."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from pipeline.sniff.clock import Clock, clock_of
from pipeline.sniff.kinds import UNFIT, Kind, kind_of, snake
from pipeline.sniff.leaves import Leaf, Steps
from pipeline.sniff.words import (
    IS_EVENT_TIME,
    IS_FEATURES,
    IS_ID,
    IS_LABEL,
    IS_LATENCY,
    IS_MODEL,
    IS_PLACE,
    IS_PREDICTION,
    IS_SERVICE,
    IS_TAGS,
    IS_TIME,
    IS_VERSION,
    NAMES_A_MODEL,
    NAMES_A_PLACE,
    NAMES_LATENCY,
    NAMES_THE_LABEL,
    telling,
)
from schemas.event_config import EventPaths

_WHOLE: Steps = ()
_ATTRIBUTES: Steps = ("ce",)
_NEARLY = 0.9
_HALF = 0.5
_UNIQUE = 0.98
_DEFAULT = EventPaths()
_MOST_MODELS = 50
MOST_CHARACTERS = 200
_HOUR_MS = 3_600_000
_VERSION = re.compile(r"v?\d+([._-]\w+)*|[0-9a-f]{7,40}|v\w*\d\w*", re.IGNORECASE)
_DATE = re.compile(r"(19|20)\d\d(-?)[01]\d\2[0-3]\d")
_WORTH = {Kind.NUMERIC: 2.0, Kind.NUMERIC_TEXT: 2.0, Kind.CODES: 2.0, Kind.BOOLEAN: 1.5, Kind.CONSTANT: 0.4, Kind.MIXED: 1.0,
          Kind.CATEGORICAL: 0.6, Kind.EMPTY: 0.3, Kind.EMBEDDING: 2.0}  # fmt: skip


class Roles(NamedTuple):
    """The leaf of each role, None where none is fit. `features` are the steps to the object that has them, empty for the
    event itself and None where there is none; `sure` whether the model goes by more than the look of its name."""

    ts: Leaf | None
    clock: Clock | None
    model: Leaf | None
    sure: bool
    version: Leaf | None
    event_id: Leaf | None
    features: Steps | None
    prediction: Leaf | None
    latency: Leaf | None

    def named(self) -> dict[str, Leaf]:
        """Those that are there, by the names that `event.paths` has for them."""
        some = {"ts": self.ts, "model": self.model, "version": self.version, "event_id": self.event_id,
                "prediction": self.prediction, "latency_ms": self.latency}  # fmt: skip
        return {role: leaf for role, leaf in some.items() if leaf is not None}


class Finder:
    """Finds the roles among the leaves of a sample; `parts` are the events' partitions and `record_ms` their records'
    times. All columns of a `table` are features that are nothing else; of CloudEvents, `cloud`, the attributes stand
    under `ce`, and no unit but milliseconds is read. `called` is the name of the topic or the file. `kinds` has the kind of
    each leaf."""

    def __init__(
        self,
        leaves: Mapping[Steps, Leaf],
        parts: Sequence[int],
        record_ms: Sequence[int | None],
        *,
        table: bool = False,
        cloud: bool = False,
        called: str = "",
    ) -> None:
        self._all = leaves
        self._leaves = [leaf for leaf in leaves.values() if leaf.readable]
        self._parts = parts
        self._record_ms = record_ms
        self._table = table
        self._cloud = cloud
        self._called = telling(called)
        self.kinds = {steps: kind_of(leaf) for steps, leaf in leaves.items()}

    def roles(self) -> Roles:
        """O(values)."""
        features = _WHOLE if self._table else self._features()
        if features == _WHOLE:  # elsewhere it is a feature, whatever it is called
            labels = (leaf for leaf in self._leaves if NAMES_THE_LABEL.fullmatch(snake(leaf.path)))
            self.kinds |= dict.fromkeys((leaf.steps for leaf in labels), Kind.LABEL)
        ts, clock = self._ts(features)
        outside = [leaf for leaf in self._leaves if leaf is not ts and not _is_under(leaf, features)]
        model, sure = self._model(outside, features)
        left = [leaf for leaf in outside if leaf is not model]
        version = self._version(left, model)
        left = [leaf for leaf in left if leaf is not version]
        prediction, latency = self._answers(left, features)
        left = [leaf for leaf in left if leaf is not prediction and leaf is not latency]
        return Roles(ts, clock, model, sure, version, self._event_id(left), features, prediction, latency)

    def _ts(self, features: Steps | None) -> tuple[Leaf | None, Clock | None]:
        """The leaf of the events' times, and these."""
        found: list[tuple[float, Leaf, Clock]] = []
        for leaf in self._leaves:
            clock = clock_of(leaf) if self.kinds[leaf.steps] is Kind.TIME else None
            if clock is None or (self._cloud and clock.unit not in (None, "ms")):
                continue
            if leaf.share >= _NEARLY:
                found.append((self._clock_score(leaf, clock, features), leaf, clock))
        if not found:
            return None, None
        best = max(score for score, _, _ in found)
        close = [(leaf, clock) for score, leaf, clock in found if score > best - 0.3]
        return min(close, key=lambda one: (not IS_EVENT_TIME(one[0].path), one[1].median_ms, one[0].steps))

    def _clock_score(self, leaf: Leaf, clock: Clock, features: Steps | None) -> float:
        score = 0.3 * IS_TIME(leaf.path) - 0.1 * len(leaf.steps) - (1.5 if clock.fault else 0.0)
        score += 0.5 * (leaf.distinct > 0.05 * len(leaf.known))
        score -= 0.8 * (bool(features) and _is_under(leaf, features))
        away = [abs(t - at) for row, t in zip(clock.rows, clock.times_ms, strict=True) if (at := self._record_ms[row])]
        if away:
            hours = median(away) / _HOUR_MS
            score += 1.0 if hours < 1 else 0.7 if hours < 24 else 0.3 if hours < 720 else 0.0
        return score + 1.5 * self._order(clock)

    def _order(self, clock: Clock) -> float:
        """From 0, where times fall as often as they rise, to 1, where they never fall."""
        last: dict[int, int] = {}
        rises = pairs = 0
        for row, time in zip(clock.rows, clock.times_ms, strict=True):
            part = self._parts[row]
            if part in last and time != last[part]:
                pairs += 1
                rises += time > last[part]
            last[part] = time
        return max(0.0, 2 * rises / pairs - 1) if pairs else 0.0

    def _features(self) -> Steps | None:
        """The object with the most that can be profiled; the event itself where that has far more."""
        worth: defaultdict[Steps, float] = defaultdict(float)
        for steps, leaf in self._all.items():
            worth[steps[:-1]] += leaf.share * _WORTH.get(self.kinds[steps], 0.1)
        top = worth.pop(_WHOLE, 0.0)
        if self._cloud:
            worth.pop(_ATTRIBUTES, None)
        for steps in worth:
            leads = all("." not in step and step for step in steps)
            hint = 1.5 if IS_FEATURES(steps[-1]) else 0.4 if IS_TAGS(steps[-1]) else 1.0
            worth[steps] *= hint * leads
        best = max(worth, key=lambda steps: worth[steps], default=None)
        beside = top - 2 * _WORTH[Kind.NUMERIC]  # what an answer and a latency may count for
        if best is None or worth[best] <= 0:
            return _WHOLE if top > 0.5 else None
        return _WHOLE if beside > 2 * worth[best] else best

    def _model(self, outside: Sequence[Leaf], features: Steps | None) -> tuple[Leaf | None, bool]:
        """The leaf of the models' names, and whether more than its look speaks for it."""
        found = []
        for leaf in outside:
            few = leaf.distinct <= max(1, min(_MOST_MODELS, 0.2 * leaf.of))
            few = few and all(0 < len(name) <= MOST_CHARACTERS for name in leaf.names)
            # What is called a model is one where numbers name it, too, and where some events lack it.
            called = IS_MODEL(leaf.name)
            named = leaf.all_names if called else leaf.all_texts
            if (
                leaf.share >= (_HALF if called else _NEARLY)
                and named
                and few
                and self.kinds[leaf.steps] is not Kind.TIME
            ):
                decides = self._decides(leaf, features)
                hint = 2.0 * IS_MODEL(leaf.path) + 0.7 * IS_SERVICE(leaf.name) + self._names_the_model(leaf)
                hint -= 2.0 * (IS_VERSION(leaf.name) or IS_PREDICTION(leaf.name))
                # One value in all events is no segment: among tags it may as well be the model.
                hint -= (1.0 if leaf.distinct == 1 else 2.0) * IS_TAGS(leaf.steps[0])
                hint -= 1.0 * (IS_PLACE(leaf.name) or all(map(NAMES_A_PLACE.fullmatch, leaf.names)))
                score = 3.0 * decides + hint + self._looks_like_a_name(leaf) - 0.2 * (len(leaf.steps) - 1)
                found.append((score, decides > 0 or hint > 0, leaf))
        score, sure, best = max(found, key=lambda one: one[0], default=(0.0, False, None))
        return (best, sure) if score >= 0.6 else (None, False)

    def _names_the_model(self, leaf: Leaf) -> float:
        """What speaks for it in the values: words that models are called by, or that the topic has, too."""
        texts = set(leaf.names)
        found = 1.5 * all(self._called & telling(text) for text in texts)
        return found + 1.2 * all(map(NAMES_A_MODEL, texts))

    def _looks_like_a_name(self, leaf: Leaf) -> float:
        texts = set(leaf.names)
        if all(map(_VERSION.fullmatch, texts)):
            return -1.0
        long = sum(len(text) > 3 for text in texts) / len(texts)
        joined = sum(bool(re.search(r"\w[-_/.:]\w", text)) for text in texts) / len(texts)
        siblings = sum(
            other.parent == leaf.parent and self.kinds[other.steps] in (Kind.CATEGORICAL, Kind.CONSTANT)
            for other in self._leaves
        )
        return 0.5 * long + 0.3 * joined + 0.4 * (leaf.distinct == 1) - 0.1 * math.log2(leaf.distinct) - (
            0.4 if leaf.parent and siblings > 2 else 0.0
        )  # fmt: skip

    def _decides(self, leaf: Leaf, features: Steps | None) -> float:
        """From 0 to 1, how much better one knows which features an event has, once one knows this value."""
        if features is None or leaf.distinct < 2:
            return 0.0
        had: defaultdict[int, set[str]] = defaultdict(set)
        for steps, other in self._all.items():
            if features == _WHOLE or _is_under(other, features):
                for row in other.rows:
                    had[row].add(steps[len(features)])
        by_value: defaultdict[Any, Counter[frozenset[str]]] = defaultdict(Counter)
        for row, value in zip(leaf.rows, leaf.values, strict=True):
            by_value[value][frozenset(had[row])] += 1
        most = max(sum(by_value.values(), Counter[frozenset[str]]()).values())
        right = sum(max(counts.values()) for counts in by_value.values())
        wrong = leaf.of - most
        return max(0.0, (right - most) / wrong) if wrong > 0.02 * leaf.of else 0.0

    def _version(self, left: Sequence[Leaf], model: Leaf | None) -> Leaf | None:
        found = []
        for leaf in left:
            texts = [str(value) for value in leaf.known if type(value) in (str, int)]
            few = 0 < len(set(texts)) <= max(1, min(20, 0.2 * leaf.of)) and len(texts) == len(leaf.known)
            if not few or leaf.share < 0.5:
                continue
            if not IS_VERSION(leaf.name) and all(map(_DATE.fullmatch, texts)):
                continue  # the day of the sample, as like as not
            hint, look = IS_VERSION(leaf.name), all(map(_VERSION.fullmatch, texts)) and leaf.all_texts
            clear = look and any(re.search(r"[v.]", text, re.IGNORECASE) for text in texts)
            near = model is not None and leaf.parent == model.parent
            score = 2.0 * hint + 1.0 * look + 0.6 * clear + 0.5 * near + 0.3 * (len(set(texts)) <= 3)
            found.append((score, leaf))
        score, best = max(found, key=lambda one: one[0], default=(0.0, None))
        return best if score >= 1.7 else None

    def _answers(self, left: Sequence[Leaf], features: Steps | None) -> tuple[Leaf | None, Leaf | None]:
        """The leaves of the prediction and of the latency."""
        fit = [leaf for leaf in left if self.kinds[leaf.steps] not in UNFIT]
        if features == _WHOLE:  # any number may be a feature there: only names tell
            fit = [leaf for leaf in fit if IS_PREDICTION(leaf.path) or IS_LATENCY(leaf.path)]
        answers = {leaf.steps: self._answer_score(leaf, features) for leaf in fit}
        times = {leaf.steps: self._latency_score(leaf) for leaf in fit}
        latency = _best([leaf for leaf in fit if answers[leaf.steps] < times[leaf.steps] + 0.5], times, 2.0)
        prediction = _best([leaf for leaf in fit if leaf is not latency], answers, 1.5)
        if latency is None:
            # Of numbers beside each other that are positive and no shares, the one that is no prediction.
            latency = _best([leaf for leaf in fit if leaf is not prediction], times, 1.1)
        return prediction, latency

    def _answer_score(self, leaf: Leaf, features: Steps | None) -> float:
        kind = self.kinds[leaf.steps]
        hint = (
            0.5 * (leaf.path == _DEFAULT.prediction)
            + 1.5 * IS_PREDICTION(leaf.path)
            - 2.0 * IS_LABEL(leaf.path)
            - 1.5 * IS_LATENCY(leaf.name)
        )
        hint -= 1.0 * any(map(IS_TAGS, leaf.parent)) + 1.0 * IS_ID(leaf.name)
        if kind in (Kind.NUMERIC, Kind.CODES) and leaf.all_numbers:
            within = all(0 <= number <= 1 for number in leaf.numbers)
            shape = 2.5 if within and any(number % 1 for number in leaf.numbers) else 1.6
        elif kind is Kind.BOOLEAN:
            shape = 1.5
        elif kind is Kind.CATEGORICAL:
            shape = 0.4
        else:
            return 1.0 + hint if hint > 0 else -1.0
        beside = 0.3 * (features is not None and leaf.parent == features[:-1])
        return shape + hint + beside - 0.1 * len(leaf.steps)

    def _latency_score(self, leaf: Leaf) -> float:
        if not leaf.all_numbers or self.kinds[leaf.steps] is not Kind.NUMERIC or min(leaf.numbers) < 0:
            return -1.0
        hint = 2.0 * IS_LATENCY(leaf.path) - 2.0 * IS_PREDICTION(leaf.name) - 1.0 * IS_ID(leaf.name)
        hint += 1.0 * (leaf.path == _DEFAULT.latency_ms) + 0.5 * NAMES_LATENCY(leaf.path)
        fraction = any(number % 1 for number in leaf.numbers)
        skewed = sum(leaf.numbers) / len(leaf.numbers) > median(leaf.numbers)
        small = median(leaf.numbers) < 60_000
        return 0.5 + 0.3 * fraction + 0.2 * skewed + 0.3 * small + hint

    def _event_id(self, left: Iterable[Leaf]) -> Leaf | None:
        fit = [leaf for leaf in left if leaf.share >= _NEARLY and self.kinds[leaf.steps] is Kind.IDENTIFIER]
        fit = [leaf for leaf in fit if leaf.distinct >= _UNIQUE * len(leaf.known)]
        return min(fit, key=lambda leaf: (not IS_ID(leaf.name), -leaf.distinct, len(leaf.steps)), default=None)


def _best(leaves: Iterable[Leaf], scores: Mapping[Steps, float], least: float) -> Leaf | None:
    best = max(leaves, key=lambda leaf: scores[leaf.steps], default=None)
    return best if best is not None and scores[best.steps] >= least else None


def _is_under(leaf: Leaf, features: Steps | None) -> bool:
    """Whether the leaf is a feature of the object there; where that is the event itself, roles are to be found first."""
    return bool(features) and leaf.steps[: len(features or ())] == features
