"""What became of the events of a history, in words."""

from collections import Counter

from schemas.config import Config
from schemas.event import Refusal

_MOST_ASTRAY = 0.01
_REASON = "refused: "


def dropped(counts: Counter[str]) -> str:
    """How many were late and how many refused, and why; empty where none was."""
    parts = [f"{counts['late']:,} late"] if counts["late"] else []
    if counts["refused"]:
        reasons = [(what.removeprefix(_REASON), n) for what, n in counts.items() if what.startswith(_REASON) and n]
        ranked = ", ".join(f"{reason} {n:,}" for reason, n in sorted(reasons, key=lambda one: (-one[1], one[0])))
        parts.append(f"{counts['refused']:,} refused ({ranked})")
    return ", ".join(parts)


def disorder(config: Config, counts: Counter[str]) -> str | None:
    """What to do where so many events of files were late or ahead that these are in no order of time."""
    astray = counts["late"] + counts[f"{_REASON}{Refusal.TIMESTAMP_AHEAD}"]
    whole = sum(counts[fate] for fate in ("profiled", "late", "excluded", "refused"))
    if astray <= _MOST_ASTRAY * whole:
        return None
    return f"the events are not in order of time, {astray:,} of {whole:,} are late or ahead: sort them by {config.event.paths.ts}"
