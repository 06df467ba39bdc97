"""What must not leave ingest: values at some paths are not looked at, strings at others become pseudonyms.

A pseudonym is `#` and 12 hex digits of BLAKE2b, keyed with a secret: without the key nobody finds the name by trying names.
Equal strings stay equal, so distributions, segments and unseen categories are watched as before. Numbers, booleans and nulls
are not strings: where a number says who somebody is, it is to be ignored.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from detectors.profiles.vocabulary import REMEMBERED_CHARACTERS
from pipeline.connections.secret import read_secret
from schemas.config import Config
from schemas.event_config import WHOLE_EVENT
from schemas.settings import is_beneath

_DIGEST_BYTES = 6
_MOST_REMEMBERED = 1 << 16


@dataclass(slots=True)
class Privacy:
    """`ignored` and `redacted` are paths of the plain event; each stands for all that is beneath it, too."""

    ignored: frozenset[str] = frozenset()
    redacted: frozenset[str] = frozenset()
    _key: bytes = field(default=b"", repr=False)
    _pseudonyms: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, config: Config) -> "Privacy":
        """That of a configuration. Raises InputError where the key is not to be had."""
        event = config.event
        secret = event.redact_key
        key = b"" if secret is None else blake2b(read_secret(secret, "event.redact_key").encode()).digest()
        return cls(frozenset(event.ignore), frozenset(event.redact), key)

    @property
    def keeps_records(self) -> bool:
        """Whether a refused record may be laid aside as it is: it cannot be taken apart."""
        return not (self.ignored or self.redacted)

    @property
    def digest(self) -> str:
        """What tells the key from another without saying it; empty where nothing is redacted."""
        return blake2b(b"key", key=self._key, digest_size=8).hexdigest() if self.redacted else ""

    def ignores(self, path: str) -> bool:
        return is_beneath(path, self.ignored)

    def redacts(self, path: str) -> bool:
        return is_beneath(path, self.redacted)

    def ignored_of(self, names: Iterable[str], path: str) -> frozenset[str]:
        """Of the names of what stands right under a path, those that are ignored."""
        return _covered(names, path, self.ignored)

    def redacted_of(self, names: Iterable[str], path: str) -> frozenset[str]:
        """Of the names of what stands right under a path, those that are redacted."""
        return _covered(names, path, self.redacted)

    def redact(self, values: Sequence[Any]) -> list[Any]:
        """The values, with pseudonyms for strings. O(values)."""
        return [self._pseudonym(value) if type(value) is str else value for value in values]

    def _pseudonym(self, text: str) -> str:
        known = self._pseudonyms.get(text)
        if known is None:
            digest = blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=_DIGEST_BYTES)
            known = f"#{digest.hexdigest()}"
            if len(text) <= REMEMBERED_CHARACTERS:
                if len(self._pseudonyms) >= _MOST_REMEMBERED:
                    self._pseudonyms.clear()
                self._pseudonyms[text] = known
        return known


def _covered(names: Iterable[str], under: str, paths: Collection[str]) -> frozenset[str]:
    prefix = "" if under == WHOLE_EVENT else f"{under}."
    return frozenset(name for name in names if is_beneath(prefix + name, paths)) if paths else frozenset()
