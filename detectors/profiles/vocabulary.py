"""Strings as 64-bit hashes, and back."""

from hashlib import blake2b

LABEL_CHARACTERS = 80
NO_HASH = 0


def hash_of(text: str) -> int:
    """64 bits of BLAKE2b over UTF-8: the same everywhere, and not to be steered by whoever sends the strings."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


class Vocabulary(dict[object, int]):
    """Hash by string, filled on first sight; `labels` leads back. What is no string has `NO_HASH`, as a string may
    have too. Clear it once nothing refers to its hashes."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[int, str] = {}

    def __missing__(self, text: object) -> int:
        if not isinstance(text, str):
            self[text] = NO_HASH
            return NO_HASH
        key = self[text] = hash_of(text)
        self.labels[key] = text[:LABEL_CHARACTERS]
        return key

    def clear(self) -> None:
        super().clear()
        self.labels.clear()
