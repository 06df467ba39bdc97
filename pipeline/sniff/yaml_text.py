"""A configuration as a person would write it: short, with comments that say why."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.configuration.yaml_edit import in_lines, in_one_line
from schemas.readable import in_line

_COLUMN = 44


def text_of(sections: Mapping[str, Any], why: Mapping[str, str], notes: Sequence[str], head: str) -> str:
    """The YAML of the sections, in order; `why` has the comment of a setting by its path."""
    lines = [f"# {in_line(head)}", *(f"# {in_line(note)}" for note in notes)]
    for name, section in sections.items():
        lines.append("")
        lines += _models(section, why) if name == "models" else _section(name, section, why)
    return "\n".join(lines) + "\n"


def _section(name: str, section: Any, why: Mapping[str, str]) -> Iterator[str]:
    if not isinstance(section, Mapping) or name not in ("event", "window"):
        yield from in_lines({name: section}).splitlines()
        return
    yield f"{name}:"
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield _line(f"  {key}:", why.get(f"{name}.{key}", ""))
            for inner, path in value.items():
                yield _line(f"    {inner}: {in_one_line(path)}", why.get(f"{name}.{key}.{inner}", ""))
        else:
            yield _line(f"  {key}: {in_one_line(value)}", why.get(f"{name}.{key}", ""))


def _models(models: Any, why: Mapping[str, str]) -> Iterator[str]:
    if isinstance(models, str):
        yield _line(f"models: {models}", why.get("models", ""))
        return
    yield _line("models:", why.get("models", ""))
    shared = Counter(_listed(model["signals"]) for model in models if "signals" in model)
    anchors: dict[str, str] = {}
    for number, model in enumerate(models):
        yield f"  - name: {in_one_line(model['name'])}"
        if "segments" in model:
            yield _line(
                f"    segments: {in_one_line(model['segments'])}", why.get("segments", "") if not number else ""
            )
        if "baseline" in model:
            yield f"    baseline: {in_one_line(model['baseline'])}"
        if "signals" in model:
            yield from _signals(
                _listed(model["signals"]), why.get("signals", "") if not number else "", anchors, shared
            )


def _listed(signals: Sequence[Mapping[str, str]]) -> str:
    return "\n".join(f"      - {in_one_line(signal)}" for signal in signals)


def _signals(text: str, comment: str, anchors: dict[str, str], shared: Mapping[str, int]) -> Iterator[str]:
    """A list that models share is written once."""
    if text in anchors:
        yield f"    signals: *{anchors[text]}"
        return
    if shared[text] > 1:
        anchors[text] = f"signals{len(anchors) + 1}"
    yield _line(f"    signals:{f' &{anchors[text]}' if text in anchors else ''}", comment)
    yield text


def _line(setting: str, comment: str) -> str:
    return f"{setting:<{_COLUMN}}  # {in_line(comment)}" if comment else setting
