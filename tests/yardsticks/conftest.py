"""The marker `yardstick`: what takes minutes, and runs only where it is asked for by `-m yardstick`."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "yardstick" in config.getoption("markexpr"):
        return
    full = [item for item in items if item.get_closest_marker("yardstick")]
    items[:] = [item for item in items if item not in full]
    config.hook.pytest_deselected(items=full)
