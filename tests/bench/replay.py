"""The core in memory, as `driftline replay` runs it up to the packets: no Kafka, nothing judged."""

from pipeline.events.files.batch import in_batches
from pipeline.history.local import LocalIngest
from pipeline.process.garbage import expect_batches
from schemas.config import Config
from tests.bench.events import MIXES, Mix, model_names
from tests.bench.seen import frozen_from
from tests.bench.stopwatch import Stopwatch
from tests.bench.work import Measured, Work


def measure(work: Work) -> Measured:
    return _measure(work, "clean")


def measure_seen(work: Work) -> Measured:
    """Seen through a lens and a scorer, as events are of models whose baselines have them."""
    return _measure(work, "clean", seen=True)


def measure_messy(work: Work) -> Measured:
    return _measure(work, "messy")


def measure_models(work: Work) -> Measured:
    return _measure(work, "models")


def measure_one_group(work: Work) -> Measured:
    return _measure(work, "one group")


def measure_many_groups(work: Work) -> Measured:
    return _measure(work, "many groups")


def config_of(mix: Mix) -> Config:
    """The default, and for scattered events a segment for each country, and lateness that keeps all windows open."""
    if not mix.scattered:
        return Config()
    models = [{"name": name, "segments": ["tags.country"]} for name in model_names(mix)]
    return Config.from_mapping({"models": models, "window": {"allowed_lateness": "1h", "max_skew": "1h"}})


def _measure(work: Work, name: str, *, seen: bool = False) -> Measured:
    values, mix = work.values(name), MIXES[name]
    config = config_of(mix)
    ingest = LocalIngest(config, frozen_from(config, model_names(mix)[0], values) if seen else None)
    expect_batches()
    watch = Stopwatch(work.profile)
    for _ in ingest.messages(batch.values for batch in in_batches(values)):
        pass
    measured = watch.stop(len(values))
    if ingest.counts["profiled"] != len(values) and not mix.broken:
        raise RuntimeError(f"{len(values)} events read, {dict(ingest.counts)}")
    return measured
