"""What ingest of every partition of a worker shares."""

from weakref import WeakSet

from detectors.lenses.frozen import FrozenParts
from detectors.profiles.grid import Caps
from detectors.profiles.profile import Resolution
from detectors.profiles.trace import SEGMENT_SLICES
from pipeline.events.reader import EventReader
from pipeline.ingest.pending import Pending, Resolutions
from pipeline.ingest.privacy import Privacy
from schemas.config import Config


class Ingest:
    """What ingest of every partition shares: the configuration, compiled, and the frozen parts of the models' baselines."""

    def __init__(self, config: Config, frozen: FrozenParts | None = None) -> None:
        self.config = config
        self.frozen = frozen or {}
        self.privacy = Privacy.of(config)
        self.fingerprint = fingerprint_of(config, self.frozen, self.privacy)
        self.reader = EventReader(config)
        limits = config.limits
        self.resolutions = Resolutions(
            Resolution(Caps(16, 512), limits.categories, limits.signals_per_model),
            Resolution(Caps(8, 96), limits.segment_categories, limits.signals_per_model, SEGMENT_SLICES),
        )
        self.pending: WeakSet[Pending] = WeakSet()
        self._names = None if config.models == "auto" else frozenset(model.name for model in config.models)

    def watches(self, model: str) -> bool:
        return self._names is None or model in self._names


def fingerprint_of(config: Config, frozen: FrozenParts, privacy: Privacy | None = None) -> str:
    """The fingerprint of packets made under this configuration, of events seen through the frozen parts of baselines. Raises
    InputError where the key of pseudonyms is not to be had."""
    key = (privacy or Privacy.of(config)).digest
    lenses = {model: parts.lens.digest.hex() for model, parts in frozen.items() if parts.lens}
    scorers = {model: parts.scorer.digest for model, parts in frozen.items() if parts.scorer}
    return config.fingerprint(lenses, key, scorers)
