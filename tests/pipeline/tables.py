"""The monitor's tables, as workers fill them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipeline.monitor.closing import Closing
from pipeline.monitor.tables.baseline_table import baseline_changes
from pipeline.monitor.tables.keeping import Kept, forgotten_state, kept_of, state_records
from pipeline.monitor.tables.table_keys import thing_of


@dataclass
class Tables:
    """Those of state and of baselines, of all partitions."""

    state: dict[bytes, bytes] = field(default_factory=dict)
    baselines: dict[bytes, bytes] = field(default_factory=dict)

    def keep(self, some: Iterable[Closing], generation: int = 1, partition: int = 0) -> "Tables":
        for closing in some:
            for _ in self.steps(closing, generation, partition):
                pass
        return self

    def steps(self, closing: Closing, generation: int = 1, partition: int = 0) -> Iterator[str]:
        """Keeps what a closing changes. A worker may die after each step."""
        self.state.update(state_records(partition, generation, closing))
        yield "groups"
        for change in baseline_changes(partition, generation, closing):
            self.baselines.update(change.pairs)
            yield change.name
            self.baselines = _without(self.baselines, change.gone)
            yield f"{change.name}, and what they stand for"
        self.state = _without(self.state, forgotten_state(partition, generation, closing))
        yield "forgotten"

    def keep_until(self, step: str, closing: Closing, generation: int = 1) -> None:
        """Keeps what a closing changes, by a worker that dies after that step."""
        for done in self.steps(closing, generation):
            if done == step:
                return
        raise AssertionError(f"no step is named {step}")

    def drop(self, keys: Iterable[bytes]) -> None:
        """Takes these records out of the baselines, as a worker does that begins."""
        for key in keys:
            del self.baselines[key]

    def kept(self, partition: int = 0) -> Kept:
        return kept_of(partition, self.state, self.baselines)


def _without(table: dict[bytes, bytes], keys: Iterable[bytes]) -> dict[bytes, bytes]:
    """The table without what the keys name, whichever generation wrote it."""
    gone = set(map(thing_of, keys))
    return {key: value for key, value in table.items() if thing_of(key) not in gone} if gone else table
