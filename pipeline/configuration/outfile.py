"""Files that a command writes."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from schemas.errors import InputError


def write(path: Path, data: bytes) -> None:
    """Writes a file, and the folders it is in. Raises InputError where that cannot be done."""
    try:
        make_folder_of(path)
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def make_folder_of(path: Path) -> None:
    """Makes the folders that a file is to be in. Raises InputError where one of them is a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputError(f"{path.parent} is a file, no folder") from error


def keep_apart(read: Iterable[Path | None], written: Iterable[Path | None]) -> None:
    """Raises InputError where a file to be written is one of those that are read, by whichever name, or is named twice."""
    inputs = [path for path in read if path is not None]
    outputs: list[Path] = []
    for out in (out for out in written if out is not None):
        if any(_are_one(out, path) for path in inputs):
            raise InputError(f"{out}: is read, and would be written over; name another file to write to")
        if any(out.resolve() == other.resolve() and not _is_device(out) for other in outputs):
            raise InputError(f"{out}: is written to twice; name another file for one of them")
        outputs.append(out)


def _are_one(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file()


class Lines:
    """Writes lines of bytes to a file, in folders that are made, or nowhere. What the file held stays until there is
    something to write, or the end is reached without an error. Raises InputError where it cannot be written, at once where
    it cannot be opened."""

    def __init__(self, path: Path | None) -> None:
        self._begun = False
        self._path = path
        try:
            if path is not None:
                make_folder_of(path)
            self._file: IO[bytes] | None = None if path is None else path.open("ab")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self._file is None:
            return
        try:
            with self._file:
                if error is None:
                    self._begin(self._file)
        except OSError as failure:
            if error is None:
                raise InputError(f"{self._path}: {failure.strerror}") from failure

    def write(self, lines: Iterable[bytes]) -> None:
        if self._file is None:
            return
        try:
            self._begin(self._file)
            self._file.writelines([line + b"\n" for line in lines])
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror}") from error

    def _begin(self, file: IO[bytes]) -> None:
        if not self._begun and stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe or a terminal holds nothing
            file.truncate(0)
        self._begun = True
