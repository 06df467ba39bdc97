"""Names that others give, feature names and values of segments: cut where they are long, so that messages stay small."""

from detectors.profiles.vocabulary import hash_of

MOST_CHARACTERS = 200
_KEPT = MOST_CHARACTERS - 17


def shortened(name: str) -> str:
    """The name; of one with 200 characters or more the first 183, `~` and the 16 hex digits of its hash, 200 in all. So no
    name that is short enough is that of a longer one."""
    return name if len(name) < MOST_CHARACTERS else f"{name[:_KEPT]}~{hash_of(name):016x}"
