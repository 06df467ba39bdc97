"""Where a model's and a signal's page stand: at addresses of a server, or in one document."""

from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlencode

from schemas.group import Group


class Links(Protocol):
    """Empty where there is nothing to lead to."""

    def home(self) -> str: ...

    def model(self, model: str) -> str: ...

    def group(self, group: Group) -> str: ...

    def signal(self, group: Group, signal: str) -> str: ...


class Addresses:
    """The addresses of a worker's pages. A segment's path and value are two parameters, so that no sign within them can
    make them another's."""

    def __init__(self, *, paused: bool = False) -> None:
        self._more = {"refresh": "off"} if paused else {}

    def home(self) -> str:
        return self._address("/", {})

    def model(self, model: str) -> str:
        return self._address("/model", {"name": model})

    def group(self, group: Group) -> str:
        return self._address("/model", {"name": group.model, **_place(group)})

    def signal(self, group: Group, signal: str) -> str:
        return self._address("/signal", {"model": group.model, **_place(group), "signal": signal})

    def _address(self, path: str, query: dict[str, str]) -> str:
        words = urlencode(query | self._more, errors="replace")
        return f"{path}?{words}" if words else path


class Anchors:
    """Places in one document that holds the pages of some signals."""

    def __init__(self, signals: Iterable[tuple[Group, str]]) -> None:
        self._anchors = {signal: f"signal-{i}" for i, signal in enumerate(signals, 1)}

    def home(self) -> str:
        return ""

    def model(self, model: str) -> str:
        return "#main"

    def group(self, group: Group) -> str:
        return ""

    def signal(self, group: Group, signal: str) -> str:
        anchor = self.anchor(group, signal)
        return f"#{anchor}" if anchor else ""

    def anchor(self, group: Group, signal: str) -> str:
        """The id of the signal's place; empty where it has none."""
        return self._anchors.get((group, signal), "")


def _place(group: Group) -> dict[str, str]:
    place = {"version": group.version}
    if group.segment is not None:
        place |= {"segment": group.segment.path, "value": group.segment.value}
    return place
