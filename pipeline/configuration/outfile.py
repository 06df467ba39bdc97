"""Files that a command writes."""

from pathlib import Path

from schemas.errors import InputError


def write(path: Path, data: bytes) -> None:
    """Writes a file, and the folders it is in. Raises InputError where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
