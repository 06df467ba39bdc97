"""Seeded events of two models whose drift comes and goes, and the ticks that end a run without waiting for a clock."""

import json
from collections.abc import Iterator

import numpy as np

START_MS = 1_700_000_000_000 // 86_400_000 * 86_400_000
WINDOW_S = 180
EVERY_MS = 100
MODELS = ("fraud", "loan")  # on different profiles partitions of two
LEARNED = 22


def events(n: int, *, seed: int = 1, every_ms: int = EVERY_MS, quiet: int = 28, drifting: int = 11) -> Iterator[bytes]:
    """`n` events of the models in turn, one each `every_ms`, in order of time. After the windows that are learned,
    `amount` and `grade` drift for `drifting` windows after each `quiet` ones. One event in eight is of version 2, one
    in fifty lacks `term`."""
    rng = np.random.default_rng(seed)
    times = START_MS + np.arange(n, dtype=np.int64) * every_ms
    windows = (times - START_MS) // (WINDOW_S * 1000)
    drift = (windows >= LEARNED) & (windows % (quiet + drifting) >= quiet)
    amount = np.where(drift, 1.6, 1.0) * rng.lognormal(10.0, 0.5, n)
    grade = np.where(drift, rng.choice(4, n, p=[0.1, 0.2, 0.3, 0.4]), rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1]))
    term, score = rng.integers(6, 60, n), rng.beta(2, 5, n)
    absent, version, country = rng.random(n) < 0.02, rng.random(n) < 0.125, rng.integers(0, 3, n)
    columns = (times, amount, grade, term, score, absent, version, country)
    for i, (ts, a, g, t, s, no_term, second, c) in enumerate(zip(*(x.tolist() for x in columns), strict=True)):
        features = f'"amount":{a!r},"grade":"{"ABCD"[g]}"' + ("" if no_term else f',"term":{t}')
        yield (
            f'{{"event_id":"e{i}","ts":{ts},"model":"{MODELS[i % 2]}","version":"{2 if second else 1}",'
            f'"features":{{{features}}},"prediction":{s!r},"tags":{{"country":"{("DE", "FR", "IT")[c]}"}}}}'
        ).encode()


def tick(ts_ms: int) -> bytes:
    """An event of a model that nobody watches: counts for nothing, and moves its partition's watermark."""
    return json.dumps({"ts": ts_ms, "model": "tick", "features": {}}).encode()


def last_tick(n: int, every_ms: int = EVERY_MS) -> bytes:
    """A tick that seals every window of `n` events; one goes to each partition."""
    return tick(START_MS + n * every_ms + 10 * WINDOW_S * 1000)
