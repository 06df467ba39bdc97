"""What a sample leads to: the configuration, why, and what is at each path."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.ingest.signal_names import LATENCY, PREDICTION, name_of_feature
from pipeline.sniff.clock import clock_of
from pipeline.sniff.form import PATHS_MATTER, Form, form_of
from pipeline.sniff.kinds import UNFIT, Kind, dimension_of
from pipeline.sniff.leaves import Leaf, Steps, leaves_of
from pipeline.sniff.rate import ENOUGH, Pace, pace_of
from pipeline.sniff.roles import MOST_CHARACTERS, Finder, Roles
from pipeline.sniff.sample import Sample
from schemas.duration import format_duration
from schemas.event_config import WHOLE_EVENT, EventConfig, EventPaths, PairsConfig
from schemas.settings import is_beneath

MOST_MODELS = 20
_MOST_SEGMENTS = 3
_MOST_VALUES = 20
_LEAST_SHARE = 0.02
_NEARLY = 0.9
_DEFAULT = EventPaths()
_PLACED = frozenset(_DEFAULT.model_dump().values())  # of no role, and of no feature where features stand beside them
_REGISTRY = frozenset({"registry", "registry_access"})
_KEPT = _REGISTRY | {"embeddings", "ignore", "redact", "redact_key"}
_KINDS = {Kind.CODES: "categorical", Kind.NUMERIC_TEXT: "numeric"}

Document = Mapping[str, Any]


class Found(NamedTuple):
    """A path of the events: how many have it, its kind and role, how many different values, and one of them."""

    path: str
    share: float
    kind: Kind
    role: str
    distinct: int
    example: Any


class Proposal(NamedTuple):
    """`event`, `window` and `models` are sections of the configuration; `why` has a comment for some settings, by their
    path, and `notes` what no setting can mend. `models_found` are counted by events."""

    form: Form
    event: dict[str, Any]
    window: dict[str, Any]
    models: str | list[dict[str, Any]]
    why: Mapping[str, str]
    notes: Sequence[str]
    found: Sequence[Found]
    models_found: Mapping[str, int]


def proposed(sample: Sample, event: Mapping[str, Any] | None = None) -> Proposal:
    """The configuration that fits the sample best; of the section `event` that there is, the registry stays, and what is
    private. Raises as `form_of` does. O(values)."""
    kept = {name: value for name, value in (event or {}).items() if name in _KEPT}
    form = form_of(sample, {name: value for name, value in kept.items() if name in _REGISTRY})
    return _Maker(sample, form, kept).proposal()


class _Maker:
    """Puts a proposal together."""

    def __init__(self, sample: Sample, form: Form, kept: Mapping[str, Any]) -> None:
        self._sample = sample
        self._form = form
        self._kept = kept
        self._leaves = leaves_of(form.documents)
        cloud = form.format == "cloudevents"
        finder = Finder(self._leaves, form.parts, form.record_ms, table=sample.table, cloud=cloud, called=sample.name)
        self._kinds = finder.kinds
        self._roles = finder.roles() if form.format in PATHS_MATTER else _known_roles(self._leaves)
        self._why: dict[str, str] = {}
        self._notes: list[str] = []
        self._model_of = self._models_by_row()
        self._unfit = [leaf for leaf in self._features() if self._kinds[leaf.steps] in UNFIT]
        self._listed = any(self._kinds[leaf.steps] in _KINDS for leaf in self._features())

    def proposal(self) -> Proposal:
        event = self._event()
        models = Counter(model for model in self._model_of if model)
        window = self._window()
        return Proposal(
            self._form,
            event,
            window,
            self._models(models),
            self._why,
            self._notes,
            self._found(),
            dict(models.most_common()),
        )

    def _models_by_row(self) -> list[str]:
        named = [""] * len(self._form.documents)
        if self._roles.model is not None:
            for row, value in zip(self._roles.model.rows, self._roles.model.values, strict=True):
                named[row] = "" if value is None else str(value)
        return named

    def _event(self) -> dict[str, Any]:
        form, n = self._form, sum(self._form.counts.values())
        event: dict[str, Any] = {"format": form.format}
        self._why["event.format"] = f"{form.counts[form.format]:,} of {n:,} records"
        if form.mates:
            event["pairs"] = {"within": format_duration(PairsConfig().within_ms)}
            self._why["event.pairs"] = f"{form.mates:,} requests and their responses are on one partition"
        elif form.passed or form.half != EventConfig().half:
            event["half"] = form.half
            self._why["event.half"] = f"{form.passed:,} records are the other half, counted as excluded"
        if form.format in PATHS_MATTER:
            event |= self._fields()
        ignored, embeddings = self._ignored(), self._embeddings()
        event = {**event, **self._kept} | ({"ignore": ignored} if ignored else {})
        return event | ({"embeddings": embeddings} if embeddings else {})

    def _embeddings(self) -> list[dict[str, Any]]:
        """Those that are stated, and lists that look like one."""
        stated = list(self._kept.get("embeddings") or ())
        left = {*(one.get("path") for one in stated), *self._ignored(), *self._stated("redact")}
        features = {leaf.steps for leaf in self._features()}
        found = {
            self._path(leaf) if steps in features else leaf.path: dimension_of(leaf)
            for steps, leaf in self._leaves.items()
            if self._kinds[steps] is Kind.EMBEDDING and leaf.readable
        }
        new = {path: dimension for path, dimension in found.items() if not is_beneath(path, left)}
        if new:
            many = ", ".join(f"{dimension:,}" for dimension in new.values())
            self._why["event.embeddings"] = f"{many} numbers in each event; profiled by random projections"
        return stated + [{"path": path, "dimension": dimension} for path, dimension in new.items()]

    def _ignored(self) -> list[str]:
        """Paths that are not to be looked at: of features that are no signals, unless the others are listed anyway."""
        before = self._stated("ignore")
        if self._listed:
            return before
        paths = {self._path(leaf): leaf for leaf in self._unfit if all(self._path(leaf).split("."))}
        new = [path for path in paths if not is_beneath(path, [*before, *self._stated("redact")])]
        if new:
            kinds = ", ".join(sorted({str(self._kinds[paths[path].steps]) for path in new}))
            self._why["event.ignore"] = f"no signals ({kinds}); dead letters then hold no records"
        return before + new

    def _stated(self, which: str) -> list[str]:
        """The paths that the configuration says are to be ignored, or redacted."""
        return list(self._kept.get(which) or ())

    def _fields(self) -> dict[str, Any]:
        """The unit of time, and those paths that are not where they are by default."""
        roles, paths = self._roles, {role: leaf.path for role, leaf in self._roles.named().items()}
        self._explain(roles)
        if roles.features is not None and not self._sample.table:
            paths["features"] = ".".join(roles.features) or WHOLE_EVENT
        default = _DEFAULT.model_dump()
        section: dict[str, Any] = {}
        if roles.clock is not None and roles.clock.unit not in (None, "ms"):
            section["ts_unit"] = roles.clock.unit
        moved = {role: path for role, path in paths.items() if path != default[role]}
        if moved:
            section["paths"] = {role: moved[role] for role in default if role in moved}
        return section

    def _explain(self, roles: Roles) -> None:
        if roles.ts is None:
            self._notes.append("no path holds a time in every event: all would be refused")
        elif roles.clock is not None:
            self._why["event.paths.ts"] = f"{roles.ts.distinct:,} different times"
            if roles.clock.fault:
                self._notes.append(
                    f"{roles.ts.path}: {roles.clock.fault}: its events are refused until the producer changes that"
                )
        if roles.model is not None:
            many = f"{roles.model.distinct} of them" if roles.model.distinct > 1 else "one in all events"
            self._why["event.paths.model"] = (
                many if roles.sure else f"{many}; by its values alone, look whether it is that"
            )
        if roles.features is None:
            self._notes.append(
                "no object holds numbers or strings that could be features: all would be refused as bad_features"
            )
        if roles.prediction is None:
            self._notes.append("no field looks like a prediction; set event.paths.prediction where there is one")
        self._why["event.paths.prediction"] = (
            "" if roles.prediction is None else str(self._kinds[roles.prediction.steps])
        )
        unread = [leaf.path for leaf in self._leaves.values() if self._kinds[leaf.steps] is Kind.LIST]
        if unread:
            self._notes.append(f"lists are no signals: {', '.join(unread[:5])}")

    def _window(self) -> dict[str, Any]:
        clock = self._roles.clock
        pace = None if clock is None or clock.fault else pace_of(clock, self._form.parts, self._model_of)
        if pace is None:
            self._why["window.length"] = "the sample does not say how fast events come"
            return {"length": "5m"}
        length_ms, lateness_ms = pace.length_ms(), pace.lateness_ms()
        events = round(pace.slowest_per_ms * length_ms)
        several = len(set(self._model_of)) > 1
        self._why["window.length"] = f"about {events:,} events{' of the slowest model' if several else ''} in a window"
        if events < ENOUGH:
            self._notes.append(f"a window of a day has {events} events: only large changes can be seen in so few")
        if lateness_ms == 30_000:
            return {"length": format_duration(length_ms)}
        self._why["window.allowed_lateness"] = f"events came up to {_span(pace)} out of order"
        return {"length": format_duration(length_ms), "allowed_lateness": format_duration(lateness_ms)}

    def _models(self, models: Mapping[str, int]) -> str | list[dict[str, Any]]:
        """Each model with its segments and, where features are to be left out, the list of the others."""
        if not models:
            self._why["models"] = self._unnamed()
            names = [self._sample.name]
        else:
            names = list(models)
        segments = [leaf.path for leaf in self._segments()]
        if models and (len(names) > MOST_MODELS or not (segments or self._listed)):
            self._why["models"] = f"{len(names)} found" + (f": {', '.join(names)}" if len(names) <= 5 else "")
            return "auto"
        if segments:
            self._why["segments"] = "few values, in all events; each takes a share of the budget"
        if self._listed and self._unfit:
            left = (f"{leaf.name} ({self._kinds[leaf.steps]})" for leaf in self._unfit)
            self._why["signals"] = f"left out: {', '.join(left)}"
        if models:
            self._why["models"] = "events of others are counted only"
        return [
            {"name": name}
            | ({"segments": segments} if segments else {})
            | ({"signals": self._signals(name)} if self._listed and self._signals(name) else {})
            for name in names
        ]

    def _unnamed(self) -> str:
        """Why all events are of one model. What stands where the model does by default is read in any case."""
        leaf = self._leaves.get(tuple(_DEFAULT.model.split(".")))
        if leaf is None or not leaf.known:
            return "events name no model: all are of this one"
        share = len(leaf.known) / leaf.of
        self._notes.append(
            f"{leaf.path} names a model in {share:.1%} of the events: they are counted as excluded, until it stands in "
            "models, too, or event.paths.model leads elsewhere"
        )
        return f"{1 - share:.1%} of the events name no model: they are of this one"

    def _features(self) -> list[Leaf]:
        """The leaves that are features, those that are no signals among them."""
        features = self._roles.features
        if features is None:
            return []
        taken = {leaf.steps for leaf in self._roles.named().values()}
        return [
            leaf
            for steps, leaf in self._leaves.items()
            if steps not in taken
            and len(steps) == len(features) + 1
            and steps[:-1] == features
            and not self._is_tag(leaf)
            and leaf.path not in _PLACED
        ]

    def _path(self, leaf: Leaf) -> str:
        """Where a feature stands in the event: a table's column stands among the features."""
        prefix = f"{_DEFAULT.features}."
        return prefix + leaf.name.removeprefix(prefix) if self._sample.table else leaf.path

    def _is_tag(self, leaf: Leaf) -> bool:
        """Whether it is a table's column of a tag."""
        return self._sample.table and leaf.name.startswith(f"{_DEFAULT.tags}.")

    def _signals(self, model: str) -> list[dict[str, str]]:
        """The features of a model that are signals, its prediction and its latency; none where a path cannot lead to one."""
        of_model = {row for row, name in enumerate(self._model_of) if name == model} or set(range(len(self._model_of)))
        signals: list[dict[str, str]] = []
        for leaf in self._features():
            kind = self._kinds[leaf.steps]
            path = self._path(leaf)
            if kind in UNFIT or of_model.isdisjoint(leaf.rows) or is_beneath(path, self._stated("ignore")):
                continue
            if not leaf.readable:
                return []
            feature = leaf.name.removeprefix(f"{_DEFAULT.features}.") if self._sample.table else leaf.name
            of_kind = _KINDS.get(kind, "auto")
            if of_kind == "numeric" and is_beneath(path, self._stated("redact")):
                of_kind = "categorical"  # a redacted number in text is a name
            kind_of_it = {} if of_kind == "auto" else {"kind": of_kind}
            signals.append({"name": name_of_feature(feature), "path": path} | kind_of_it)
        for name, role in ((PREDICTION, self._roles.prediction), (LATENCY, self._roles.latency)):
            if role is None or of_model.isdisjoint(role.rows) or is_beneath(role.path, self._stated("ignore")):
                continue
            signals.append({"name": name, "path": role.path})
        names = {signal["name"] for signal in signals}
        return signals if len(names) == len(signals) and max(map(len, names), default=0) <= MOST_CHARACTERS else []

    def _segments(self) -> list[Leaf]:
        """Paths beside the features with few values, none of them rare, that do not go by the model."""
        features = self._roles.features
        if not features and not self._sample.table:
            return []
        taken = {leaf.steps for leaf in self._roles.named().values()}
        fit = [
            leaf
            for steps, leaf in self._leaves.items()
            if steps not in taken
            and (self._is_tag(leaf) if not features else steps[: len(features)] != features)
            and leaf.readable
            and leaf.share >= _NEARLY
            and self._kinds[steps] is Kind.CATEGORICAL
            and not self._is_answer(leaf)
            and not is_beneath(leaf.path, self._stated("ignore"))
            and self._splits(leaf)
        ]
        return sorted(fit, key=lambda leaf: leaf.distinct)[:_MOST_SEGMENTS]

    def _is_answer(self, leaf: Leaf) -> bool:
        """Whether it stands beside the prediction in an object of the answer: it is part of what is watched."""
        answer = self._roles.prediction
        return answer is not None and bool(answer.parent) and leaf.parent == answer.parent

    def _splits(self, leaf: Leaf) -> bool:
        counts = Counter(leaf.texts).most_common()
        if not 2 <= len(counts) <= _MOST_VALUES or counts[-1][1] < max(2, _LEAST_SHARE * leaf.of):
            return False
        by_model = {(self._model_of[row], value) for row, value in zip(leaf.rows, leaf.values, strict=True)}
        return len(by_model) > len({model for model, _ in by_model})

    def _found(self) -> list[Found]:
        roles = {leaf.steps: role for role, leaf in self._roles.named().items()}
        roles |= {leaf.steps: "segment" for leaf in self._segments()}
        roles |= {
            leaf.steps: "left out" if self._kinds[leaf.steps] in UNFIT else "feature" for leaf in self._features()
        }
        return [
            Found(
                leaf.path,
                leaf.share,
                self._kinds[steps],
                roles.get(steps, ""),
                leaf.distinct,
                next(iter(leaf.known), None),
            )
            for steps, leaf in self._leaves.items()
        ]


def _known_roles(leaves: Mapping[Steps, Leaf]) -> Roles:
    """The roles of events that were made plain here: their fields are where they are by default."""
    ts = leaves.get(("ts",))
    clock = None if ts is None else clock_of(ts)
    get = leaves.get
    return Roles(
        ts,
        clock,
        get(("model",)),
        True,
        get(("version",)),
        get(("event_id",)),
        ("features",),
        get(("prediction",)),
        None,
    )


def _span(pace: Pace) -> str:
    return format_duration(-(-pace.late_ms // 1000) * 1000)
