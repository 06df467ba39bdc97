"""Strings as 64-bit hashes, and back."""

from hashlib import blake2b
from sys import getsizeof

LABEL_CHARACTERS = 80
REMEMBERED_CHARACTERS = 256
NO_HASH = 0
_ENTRY_BYTES = 250  # of a string's places in the two dictionaries and its hash, measured


def hash_of(text: str) -> int:
    """64 bits of BLAKE2b over UTF-8: the same everywhere, and not to be steered by whoever sends the strings."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


class Vocabulary(dict[object, int]):
    """Hash by string, filled on first sight; `labels` leads back. What is no string has `NO_HASH`, as a string may
    have too. Strings of more than 256 characters are hashed each time, so that only their labels are held. `size_bytes`
    is what it takes, or nearly. Clear it once nothing refers to its hashes."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[int, str] = {}
        self.size_bytes = 0

    def __missing__(self, text: object) -> int:
        if not isinstance(text, str):
            self[text] = NO_HASH
            return NO_HASH
        key = hash_of(text)
        if len(text) <= REMEMBERED_CHARACTERS:
            self[text] = key
            self.size_bytes += getsizeof(text)
        if key not in self.labels:
            label = self.labels[key] = text[:LABEL_CHARACTERS]
            self.size_bytes += getsizeof(label) + _ENTRY_BYTES
        return key

    def clear(self) -> None:
        super().clear()
        self.labels.clear()
        self.size_bytes = 0
