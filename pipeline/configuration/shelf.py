"""Baseline files, found and read for the models that the configuration names."""

from collections.abc import Mapping
from pathlib import Path

from detectors.baselines.baseline import Baseline
from detectors.lenses.frozen import NOTHING, Frozen, FrozenParts
from schemas.config import Config
from schemas.duration import format_duration
from schemas.errors import InputError, WireError


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises InputError, with what to do, where there is none."""
    try:
        return Baseline.decode(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such baseline; build it with: driftline baseline build -c FILE EVENTS -o {path}"
        ) from None
    except (OSError, WireError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def configured_baselines(config: Config, base: Path) -> Mapping[str, Baseline]:
    """The baselines by model; relative paths are relative to `base`, the configuration's folder."""
    models = () if isinstance(config.models, str) else config.models
    paths = {model.name: base / file for model in models if (file := model.baseline_file) is not None}
    return {name: _of_model(name, path, config.window.length_ms) for name, path in paths.items()}


def frozen_of(config: Config, baselines: Mapping[str, Baseline]) -> FrozenParts:
    """What the events of each model are seen through: the lens of its baseline, unless correlations are turned off, and
    the scorer."""
    pairwise = config.detection.pairwise.most > 0
    found = {name: Frozen(b.lens if pairwise else None, b.scorer) for name, b in baselines.items()}
    return {name: frozen for name, frozen in found.items() if frozen != NOTHING}


def _of_model(name: str, path: Path, window_ms: int) -> Baseline:
    baseline = read_baseline(path)
    if baseline.model != name:
        raise InputError(f"{path}: is the baseline of {baseline.model!r}, the configuration names it for {name!r}")
    if baseline.window_ms != window_ms:
        raise InputError(
            f"{path}: was built of windows of {format_duration(baseline.window_ms)}, window.length is "
            f"{format_duration(window_ms)}; build it again with this configuration"
        )
    return baseline
