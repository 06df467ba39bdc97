"""The marker `chaos`: what takes minutes, and runs only where it is asked for by `-m chaos`."""

import os
import random

import pytest

SEED = int(os.environ.get("DRIFTLINE_CHAOS_SEED", "") or random.SystemRandom().randrange(1 << 32))


def pytest_report_header() -> str:
    return f"chaos: DRIFTLINE_CHAOS_SEED={SEED}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "chaos" in config.getoption("markexpr"):
        return
    full = [item for item in items if item.get_closest_marker("chaos")]
    items[:] = [item for item in items if item not in full]
    config.hook.pytest_deselected(items=full)


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Seeded for each test."""
    return random.Random(f"{SEED} {request.node.name}")
