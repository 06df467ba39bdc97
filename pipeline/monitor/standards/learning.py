"""What is said to people of models that have no baseline yet."""

from detectors.statistics.footing import LEAST_WORTH
from schemas.config import Config
from schemas.duration import format_duration

FROM_KAFKA = "driftline baseline build -c FILE --from-kafka --since 14d -o OUT"
FROM_FILES = "driftline baseline build -c FILE EVENTS -o OUT"


def learning_note(config: Config, how: str = FROM_KAFKA) -> str | None:
    """Which models learn their baselines, and until when they are silent; None where all have files. `how` is the command
    that builds one."""
    models = config.models
    if models == "auto":
        return _note(
            "each model", 288 if (found := config.model("any")) is None else found.learned_windows, config, how
        )
    learning = [model for model in models if model.learned_windows]
    if not learning:
        return None
    few = [model for model in learning if model.learned_windows < LEAST_WORTH]
    enough = [model for model in learning if model.learned_windows >= LEAST_WORTH]
    notes = [
        f"no baseline: {model.name} learns one from its first {model.learned_windows} windows, too few for verdicts: "
        f"at least {LEAST_WORTH:g}; set baseline.learn.windows"
        for model in few
    ]
    if enough:
        longest = max(model.learned_windows for model in enough)
        notes.append(_note(", ".join(model.name for model in enough), longest, config, how))
    return "\n".join(notes)


def _note(who: str, windows: int, config: Config, how: str) -> str:
    lasting = format_duration(windows * config.window.length_ms)
    return (
        f"no baseline: {who} learns one from its first {windows} windows ({lasting} of events), and there are no alerts until "
        f"then; to have them at once: {how}"
    )
