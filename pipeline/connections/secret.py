"""Secrets, read where they are kept, at the moment they are needed. What is read is never logged, and never kept in a
configuration."""

import os
from pathlib import Path

from schemas.errors import InputError
from schemas.security_config import SecretSource


def read_secret(source: SecretSource, setting: str) -> str:
    """The secret; of a file without the line end it may have. Raises InputError, by the name of the setting, where there
    is none."""
    if source.env:
        return _of_environment(source.env, setting)
    return read_secret_file(source.file, setting)


def read_secret_file(path: str, setting: str) -> str:
    """What the file holds, without the line end it may have. Raises InputError where that is nothing."""
    try:
        text = Path(path).read_text("utf-8").strip("\r\n")
    except OSError as error:
        raise InputError(f"{setting}: {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InputError(f"{setting}: {path}: not UTF-8") from None  # the error holds what was read
    if not text:
        raise InputError(f"{setting}: {path} is empty")
    return text


def _of_environment(name: str, setting: str) -> str:
    text = os.environ.get(name)
    if not text:
        state = "is not set" if text is None else "is empty"
        raise InputError(f"{setting}: the environment variable {name} {state}; set it, or name another place")
    return text
