"""A baseline file named in a configuration: in its text, or in words where that is not ours to write."""

from typing import Any

from pipeline.configuration.yaml_edit import Step, document_of, in_one_line, with_setting
from schemas.config import Config


def with_baseline(text: str, place: int, file: str) -> str:
    """The configuration with `file` for the baseline of the model at `place` in `models`. What else the entry says of its
    baseline stays, but for what it is learned from. Raises ValueError as `with_setting` does."""
    path: list[Step] = ["models", place, "baseline"]
    before: Any = document_of(text)["models"][place].get("baseline")
    if not isinstance(before, dict):
        return with_setting(text, path, in_one_line(file))
    if "learn" not in before:
        return with_setting(text, [*path, "file"], in_one_line(file))
    rest = {name: value for name, value in before.items() if name != "learn"}
    return with_setting(text, path, in_one_line({"file": file, **rest} if rest else file))


def how_to_name(config: Config, model: str, file: str) -> str:
    """What to write for a model that the configuration does not name, and what comes of it."""
    entry = f"{{name: {in_one_line(model)}, baseline: {in_one_line(file)}}}"
    if config.models == "auto":
        return (
            f"models is auto, so {model} has no entry; to name it, set models: [{entry}]. Models that are not named are then "
            "no longer watched: name each that is to be"
        )
    return f"has no entry of {model}; add to models: {entry}"
