"""The configuration's file."""

from pathlib import Path
from typing import Any

import yaml

from schemas.config import Config
from schemas.errors import ConfigError


def read_config(path: Path) -> Config:
    """The configuration in a YAML file. Raises ConfigError, a line for each mistake."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
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


class _Loader(yaml.SafeLoader):
    """PyYAML's safe one, which refuses a key that stands twice in a mapping, where PyYAML drops the first."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                problem = f"{key.value} stands there already; put both into one"
                raise yaml.composer.ComposerError(problem=problem, problem_mark=key.start_mark)
            seen.add((key.tag, key.value))
        return node


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {problem}" if mark is not None else " ".join(problem.split())
