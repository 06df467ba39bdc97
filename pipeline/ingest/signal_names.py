"""What signals are called that are no features, and features that have such a name."""

from pipeline.ingest.short_names import shortened
from schemas.model_config import OUR_MARK

PREDICTION = "prediction"
LATENCY = "latency_ms"
_OURS = frozenset({PREDICTION, LATENCY})
_PREFIX = "features."
_RESERVED = (_PREFIX, OUR_MARK)


def name_of_feature(feature: str) -> str:
    """What a feature is called among the signals: as it is, or, where that could be a name of ours or of another feature,
    with `features.` before it; cut where it is long. No two features have one name."""
    ours = feature in _OURS or feature.startswith(_RESERVED)
    return shortened(f"{_PREFIX}{feature}" if ours else feature)


def feature_of_name(signal: str) -> str:
    """The feature that is called so, unless its name was cut."""
    return signal.removeprefix(_PREFIX)
