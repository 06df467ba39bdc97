"""The JSON Schemas of what crosses a boundary, made from the models: `python -m schemas.export` writes them anew."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.alert import Alert
from schemas.baseline import BaselineFile, LensWindowsFile, ScoredWindowsFile, ShortFile, WindowsFile
from schemas.config import Config
from schemas.event import EVENT_SCHEMA_VERSION, Event
from schemas.packet import SCORED_VERSION as SCORED_PACKET_VERSION
from schemas.packet import VERSION as PACKET_VERSION
from schemas.packet import Marker, PacketHeader, ScoredPacketHeader
from schemas.window import WindowRecord

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parent / "json"


def _of(model: type[BaseModel]) -> Callable[[], dict[str, Any]]:
    return model.model_json_schema


# To add one: its name with its version, and a function that makes it.
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "alert.v3": _of(Alert),
    "baseline.v1": _of(WindowsFile),
    "baseline.v2": _of(LensWindowsFile),
    "baseline.v3": _of(ScoredWindowsFile),
    "baseline.v4": _of(ShortFile),
    "baseline.v5": _of(BaselineFile),
    "config.v1": _of(Config),
    f"event.v{EVENT_SCHEMA_VERSION}": _of(Event),
    f"marker.v{PACKET_VERSION}": _of(Marker),
    f"packet.v{PACKET_VERSION}": _of(PacketHeader),
    f"packet.v{SCORED_PACKET_VERSION}": _of(ScoredPacketHeader),
    "window.v2": _of(WindowRecord),
}


def schema_of(name: str) -> dict[str, Any]:
    """The schema of this name, complete with `$schema`, `$id` and `title`."""
    made = SCHEMAS[name]()
    return {**made, "$schema": DIALECT, "$id": f"driftline/{name}", "title": f"Driftline {name}"}


def text_of(name: str) -> str:
    """The schema as its file holds it: the same model gives the same bytes."""
    return json.dumps(schema_of(name), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def check(folder: Path = FOLDER) -> list[str]:
    """The names whose file is missing or out of date."""
    return [name for name in sorted(SCHEMAS) if _read(folder / f"{name}.json") != text_of(name)]


def write(folder: Path = FOLDER) -> list[str]:
    """Writes what is out of date, and returns its names."""
    folder.mkdir(parents=True, exist_ok=True)
    outdated = check(folder)
    for name in outdated:
        (folder / f"{name}.json").write_text(text_of(name), encoding="utf-8")
    return outdated


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    for written in write():
        print(f"wrote {FOLDER.name}/{written}.json")
