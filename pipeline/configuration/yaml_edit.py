"""One setting of a YAML file, written anew in place: comments, order and style of the rest stay as they are."""

from collections.abc import Sequence
from difflib import unified_diff
from typing import Any

import yaml

Step = str | int
_WIDTH = 118
_NULL = "tag:yaml.org,2002:null"


def with_setting(text: str, path: Sequence[Step], value: str) -> str:
    """The document with `value`, YAML in one line, at `path`: keys, and numbers of a list's entries, which must exist.
    Raises ValueError where that cannot be done without another change: something else is in the way, or the value is
    shared by an alias. O(text)."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    written = f"{_ended(text)}{_block(path, value, 0)}" if root is None else _within(text, root, path, value)
    expected = _set(yaml.safe_load(text), path, yaml.safe_load(value))
    try:
        same = yaml.safe_load(written) == expected
    except yaml.YAMLError:
        same = False
    if not same:
        raise ValueError(f"{'.'.join(map(str, path))} cannot be written without changing something else")
    return written


def document_of(text: str) -> Any:
    """What the YAML says. Raises ValueError where it is none."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error


def in_one_line(value: object) -> str:
    """The YAML of a value."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1 << 20, sort_keys=False)
    return text.removesuffix("...\n").strip()


def in_lines(value: object) -> str:
    """The YAML of a value, as people write it."""
    return yaml.safe_dump(value, sort_keys=False, width=_WIDTH)


def diff_of(before: str, after: str, name: str) -> str:
    """The unified diff; empty where nothing differs."""
    old, new = (_ended(text).splitlines(keepends=True) for text in (before, after))
    return "".join(unified_diff(old, new, fromfile=name, tofile=name))


def _within(text: str, node: yaml.Node, path: Sequence[Step], value: str) -> str:
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        if not isinstance(node, yaml.SequenceNode) or step >= len(node.value):
            raise ValueError(f"no entry {step} to write to")
        entry = node.value[step]
        return _at(text, entry.start_mark.index, entry, rest, value)
    if not isinstance(node, yaml.MappingNode):
        raise ValueError(f"no section to write {step!r} to")
    for key, inner in node.value:
        if key.value == step:
            block = isinstance(inner, yaml.CollectionNode) and not inner.flow_style
            begin = text.index(":", key.end_mark.index) + 1 if block else inner.start_mark.index
            return _at(text, begin, inner, rest, value)
    return _added(text, node, path, value)


def _at(text: str, begin: int, node: yaml.Node, rest: Sequence[Step], value: str) -> str:
    """`begin` is where what the node's value is written over begins."""
    if rest and not (isinstance(node, yaml.ScalarNode) and node.tag == _NULL):
        return _within(text, node, rest, value)
    if rest:
        value = _flow(rest, value)
    end = node.end_mark.index
    kept = text[begin:end]
    tail = kept[len(kept.rstrip()) :]  # a block's mark ends behind the line's end
    space = "" if text[begin - 1 : begin].isspace() else " "
    return f"{text[:begin]}{space}{value}{tail}{text[end:]}"


def _added(text: str, node: yaml.MappingNode, path: Sequence[Step], value: str) -> str:
    if node.flow_style:
        end = node.end_mark.index - 1
        head = text[:end].rstrip()
        comma = ", " if node.value else ""
        return f"{head}{comma}{_flow(path, value)[1:-1]}{text[end:]}"
    last = node.value[-1][1]
    end = last.end_mark.index
    line_end = text.find("\n", max(last.start_mark.index, len(text[:end].rstrip()) - 1))
    cut = len(text) if line_end < 0 else line_end + 1
    column = node.value[0][0].start_mark.column
    return f"{_ended(text[:cut])}{_block(path, value, column)}{text[cut:]}"


def _set(document: Any, path: Sequence[Step], value: object) -> Any:
    """The document with the value there."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return [_set(one, rest, value) if at == step else one for at, one in enumerate(document)]
    return {**(document or {}), step: _set((document or {}).get(step), rest, value)}


def _block(path: Sequence[Step], value: str, column: int) -> str:
    lines = [f"{' ' * (column + 2 * depth)}{step}:" for depth, step in enumerate(path)]
    return "\n".join(lines) + f" {value}\n"


def _flow(path: Sequence[Step], value: str) -> str:
    for step in reversed(path):
        value = f"{{{step}: {value}}}"
    return value


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
