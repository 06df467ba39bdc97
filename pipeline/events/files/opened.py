"""A file that is read from its beginning to its end, gzipped or not: its first bytes say which, whatever its name."""

import gzip
import io
from pathlib import Path
from types import TracebackType

from schemas.errors import InputError

_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Opened:
    """`data` is what the file holds, unpacked; `done()` how far it is read, from 0 to 1. Raises InputError for UTF-16."""

    def __init__(self, path: Path) -> None:
        self._size = max(path.stat().st_size, 1)
        self._raw = path.open("rb")
        begins = self._raw.peek(2)[:2]
        self.data = io.BufferedReader(gzip.GzipFile(fileobj=self._raw)) if begins == _GZIP else self._raw
        if begins in _UTF_16:
            self._raw.close()
            raise InputError(f"{path}: it is UTF-16; make it UTF-8, as with: iconv -f UTF-16 -t UTF-8")

    def done(self) -> float:
        return min(self._raw.tell() / self._size, 1.0)

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.data.close()
        self._raw.close()
