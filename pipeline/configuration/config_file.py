"""The configuration's file."""

from pathlib import Path

import yaml

from schemas.config import Config
from schemas.errors import ConfigError


def read_config(path: Path) -> Config:
    """The configuration in a YAML file. Raises ConfigError, a line for each mistake."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8: {error.reason}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {_where(error)}") from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        # PyYAML's own, of a value that is not what its tag says, of a date that is none, of lists in lists.
        raise ConfigError(f"{path}: not YAML that can be read: {error}") from error
    return Config.from_mapping({} if document is None else document, str(path), str(path.parent))


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {problem}" if mark is not None else " ".join(problem.split())
