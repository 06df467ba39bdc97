"""Who mutes an alert, where the system has no name for them."""

import pwd
from collections.abc import Callable

import pytest

from pipeline.alerts.muting import author


def of_3_12() -> str:
    return pwd.getpwuid(1 << 30).pw_name


def of_3_13() -> str:
    raise OSError("No username set in the environment")


@pytest.mark.parametrize(("known", "name"), [(lambda: "ann", "ann"), (of_3_12, "driftline"), (of_3_13, "driftline")])
def test_a_user_without_a_name_goes_by_ours(known: Callable[[], str], name: str) -> None:
    assert author(known) == name
