"""Seeded events for tests: small, real in shape, made as they are needed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

START_MS = 1_700_000_000_000 // 86_400_000 * 86_400_000


def event(i: int, ts: Any, model: str = "m", **more: Any) -> dict[str, Any]:
    """One event, with two features."""
    features = {"x": float(i % 17) * 0.1, "c": "abc"[i % 3]}
    return {
        "event_id": f"e{i}",
        "ts": ts,
        "model": model,
        "version": "1",
        "features": features,
        "prediction": 0.5,
    } | more


def encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()


def loans(n: int, drift_at: int, model: str = "loan", seed: int = 1, every_ms: int = 1000) -> Iterator[dict[str, Any]]:
    """Loans, one each `every_ms`: from `drift_at` on, `value` and `grade` shift, and `term` and the score do not."""
    rng = np.random.default_rng(seed)
    value = rng.lognormal(10.0, 0.5, n)
    grade = rng.choice(list("ABCD"), n, p=[0.4, 0.3, 0.2, 0.1])
    late = np.arange(n) >= drift_at
    value[late] *= 1.6
    grade[late] = rng.choice(list("ABCD"), int(late.sum()), p=[0.1, 0.2, 0.3, 0.4])
    term = rng.integers(6, 60, n)
    score = rng.beta(2, 5, n)
    missing = rng.random(n) < 0.02
    for i in range(n):
        features = {"value": float(value[i]), "grade": str(grade[i]), "term": None if missing[i] else int(term[i])}
        yield {
            "event_id": f"{model}-{i}",
            "ts": START_MS + i * every_ms,
            "model": model,
            "version": "1",
            "features": features,
            "prediction": float(score[i]),
            "tags": {"country": "DE" if i % 3 else "FR"},
        }
