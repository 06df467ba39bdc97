"""A file that is read from its beginning to its end, gzipped or not."""

import gzip
import io
from pathlib import Path
from types import TracebackType
from typing import IO


class Opened:
    """`data` is what the file holds, unpacked; `done()` how far it is read, from 0 to 1."""

    def __init__(self, path: Path) -> None:
        self._size = max(path.stat().st_size, 1)
        self._raw = path.open("rb")
        gzipped = path.suffix.lower() == ".gz"
        self.data: IO[bytes] = io.BufferedReader(gzip.GzipFile(fileobj=self._raw)) if gzipped else self._raw

    def done(self) -> float:
        return min(self._raw.tell() / self._size, 1.0)

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.data.close()
        self._raw.close()
