"""How often Python looks for cycles among its objects."""

import gc

_CONTAINERS = 200_000


def collect_seldom() -> None:
    """For a process that decodes events: a batch makes thousands of containers and no cycles, and by default each few
    hundred of them start a search. What is alive now is never searched again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_CONTAINERS, 20, 20)
