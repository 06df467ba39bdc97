"""What signals are called that are no features, and features that have such a name."""

PREDICTION = "prediction"
LATENCY = "latency_ms"
_OURS = frozenset({PREDICTION, LATENCY})


def name_of_feature(feature: str) -> str:
    """What a feature is called among the signals."""
    return f"features.{feature}" if feature in _OURS else feature
