"""Every form that outlives a process, in its version, as bytes: `golden/<form>.v<version>.bin`.

A form whose version is raised gets a file beside the old one, which stays: `python -m tests.upgrade.forms` writes those
that are missing, and changes none.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from detectors.baselines.hour_totals import whole_hours, with_hours
from detectors.groups import wire
from detectors.groups.group import GroupProfile
from detectors.lenses.cross import CrossProducts
from detectors.lenses.lens import Lens
from detectors.lenses.marginal import Marginal
from detectors.lenses.octaves import BINS, HALF
from detectors.lenses.scorer import Scorer
from detectors.profiles.column import Column
from detectors.profiles.grid import Caps
from detectors.profiles.profile import COARSE, Resolution
from detectors.profiles.vocabulary import Vocabulary
from detectors.references.footings import measured
from detectors.references.gathering import Gathering
from detectors.references.taking import Taking
from detectors.sequence.slices import Remembered
from detectors.statistics.settings import Settings
from detectors.statistics.sustained import Scores
from pipeline.ingest import resume
from pipeline.ingest.passage import Progress
from pipeline.monitor.closing import Closing
from pipeline.monitor.incidents import memory
from pipeline.monitor.incidents.alerting import SignalMemory
from pipeline.monitor.incidents.arrival import Arrival
from pipeline.monitor.incidents.memory import GroupMemory, Incident, PartitionMemory, SourceMemory
from pipeline.monitor.standards.rolling import Rolling
from pipeline.monitor.tables import baseline_table, hour_record, learned_record
from pipeline.monitor.tables.baseline_table import baseline_changes
from pipeline.monitor.tables.keeping import partition_record, state_records
from schemas import alert, packet, window
from schemas.alert import Alert, AlertState
from schemas.basis import Basis
from schemas.contributions import Contributions, SegmentShare, SignalShare
from schemas.group import Group, Segment
from schemas.packet import Anomalies, Marker, Packet, PacketHeader, ScoredPacketHeader, Sent, SourcePartition, Stamp
from schemas.season import DAY_MS, HOUR_MS, Season
from schemas.verdict import State, Verdict
from schemas.window import Cell, Completeness, SignalRecord, WindowRecord
from tests.detectors import strategies as some

ROLLED = b'"rolled"'
GOLDEN = Path(__file__).parent / "golden"
RESOLUTION = Resolution(Caps(2, 4), 3)
VALUES: list[object] = [1.0, 1.5, -2, 0.25, 1e6, 0.0, "DE", "FR", "DE", True, None, float("nan"), []]
SOURCE = SourcePartition("events", 3)
GROUP = Group("loan", "7", Segment("tags.country", "DE"))
LENS = Lens(("a", "b", "c"), (1.0, 0.5, 3.0), (1.0, 0.1, 2.0))
PROGRESS = Progress(1200, 1_700_000_000_000, 1_700_000_000_500, 1_699_999_800_000, (1000, -5), 1, 2, 3)
COMMITTED = ("id", 1000, 300_000)
GROUP_MEMORY = GroupMemory(
    600_000,
    {"x": SignalMemory(((0, False), (300_000, True)), 300_000, 1, 0)},
    Remembered.of({"x": ((1.5, 3), (2.0, 4))}),
    (300_000,),
    Scores(100, {"x": (0.25, 1.5)}),
    Incident(0, None),
    Arrival(-300_000, "6", ("x",), ("y",), ("z",)),
)
PARTITION_MEMORY = PartitionMemory(
    600_000,
    41,
    17,
    {"events": 4},
    {SOURCE: SourceMemory(1200, 1_700_000_000_000, 9, "id", Stamp(1000, -5, 1 << 62))},
    900_000,
)
VERDICT = Verdict("g", State.DRIFT, 12.5, 3.84, 0.0004, 0.25, 0.01, 100, 50, "note")
ALERT = Alert(
    id="0123456789abcdef",
    incident="fedcba9876543210",
    incident_onset_ms=-300_000,
    state=AlertState.FIRING,
    model="loan",
    version="7",
    segment=("tags.country", "DE"),
    signal="x",
    onset_ms=0,
    start_ms=300_000,
    end_ms=600_000,
    summary="x: median 1 -> 2",
    p_value=0.0004,
    level=0.001,
    effect=0.25,
    effect_low=0.1,
    effect_high=0.4,
    budget_basis=Basis.THIN,
    baseline_events=100,
    window_events=50,
    evidence=(VERDICT.to_json(),),
    cells=(Cell(label="< 1", reference=60, current=10),),
    contributions=Contributions(
        signals=(
            SignalShare(signal="x", share=0.75, excess=9.5, effect=0.25),
            SignalShare(signal="y", share=0.25, excess=3.0),
        ),
        segments=(
            SegmentShare(
                segment=("tags.country", "DE"), share=1.5, weight=0.5, mix=0.125, within=0.25, reference=60, current=40
            ),
        ),
        moved=0.25,
    ),
)
MARKER = Marker(
    topic="events",
    topic_id="id",
    partition=3,
    position=1200,
    watermark_ms=1_700_000_000_000,
    fingerprint="00ff00ff00ff00ff",
    block_size=1000,
    sources={"events": 4},
    generation=9,
    previous=(1000, -5),
    sent=(Sent(window_start_ms=0, packets=2, events=13),),
    late=1,
    refused=2,
    excluded=3,
)


def profile() -> GroupProfile:
    """Thirteen events in five slices, with every type of value."""
    return some.group_of([(at % 5, value) for at, value in enumerate(VALUES)], RESOLUTION)


def crossed() -> GroupProfile:
    """The same events, and the cross-products of three signals, one of them with gaps."""
    return replace(profile(), cross=cross())


def cross() -> CrossProducts:
    values: dict[str, list[object]] = {"a": [0.0, 1.0, 2.5], "b": [1.0, None, -9.0], "c": [3.0, 3.0, 4.0]}
    columns = {name: Column.of(some, Vocabulary()) for name, some in values.items()}
    return CrossProducts.of(LENS, columns, slice(0, 3))


def scorer() -> Scorer:
    """Of two signals that are taken together, and a word."""
    bins, scores = tuple(range(BINS)), tuple((at - HALF) // 2 for at in range(BINS))
    kinds = (-64, 1, 2, 3, 4, 500, 6, 7)
    numeric = [Marginal(name, 1.5, 0.25, kinds, bins, scores) for name in ("a", "b")]
    word = Marginal("c", 0.0, 1.0, kinds, shift=8, categories=(1 << 8, 1 << 63), surprises=(-5, 70), unseen=900)
    return Scorer((*numeric, word), (0, 1), ((100, -300), (-300, 100)))


def whole() -> Baseline:
    """A baseline of thirty windows with a lens, a scorer and two hours of its season, and of a segment of one window. Its
    last digits are the machine's, so the golden file is held against itself."""
    rng = np.random.default_rng(8)
    gathering = Gathering("loan", 300_000, Settings(), Season.HOUR_OF_DAY, LENS)
    for day in range(15):
        for hour in (0, 5):
            start = day * DAY_MS + hour * HOUR_MS
            a, b, c = rng.integers(-8, 8, (3, 150)) / 4.0
            columns = {
                name: Column.of(values.tolist(), Vocabulary()) for name, values in (("a", a), ("b", a + b), ("c", c))
            }
            cross = CrossProducts.of(LENS, columns, slice(0, 150))
            signals = {
                name: some.profile_of_numbers(values, COARSE) for name, values in (("a", a), ("b", a + b), ("c", c))
            }
            gathering.add(None, start, GroupProfile.of(150, signals, COARSE, cross))
    gathering.add(GROUP.segment, 0, profile())
    return replace(gathering.baseline(), scorer=scorer())


def learned() -> Baseline:
    """A baseline of one window, for the whole and for a segment."""
    group = BaselineGroup(GroupProfile.empty(RESOLUTION)).add(300_000, profile())
    return Baseline("loan", 300_000, {None: group, GROUP.segment: group})


def message() -> Packet:
    header = PacketHeader(
        topic="events",
        topic_id="id",
        partition=3,
        position=1200,
        watermark_ms=1_700_000_000_000,
        fingerprint="00ff00ff00ff00ff",
        block_size=1000,
        ordinal=1,
        begin=1000,
        end=1013,
        window_start_ms=0,
        window_end_ms=300_000,
        model="loan",
        version="7",
        segment=("tags.country", "DE"),
        fold=2,
        events=13,
    )
    return Packet(header, wire.encode_group(profile()))


def scored_message() -> Packet:
    """That of a whole group whose events were scored."""
    header = dict(message().header) | {"segment": None, "fold": 0}
    anomalies = Anomalies(scorer=scorer().digest, worst=((1004, 31.5), (1001, 0.125)))
    return Packet(ScoredPacketHeader(**header, anomalies=anomalies), message().payload)


def record() -> WindowRecord:
    signal = SignalRecord(
        name="x",
        state=State.DRIFT,
        present=12,
        null=1,
        missing=1,
        not_finite=1,
        mean=1.5,
        least=-2.0,
        greatest=1e6,
        p_value=0.0004,
        level=0.001,
        effect=0.25,
        summary="x: median 1 -> 2",
        verdicts=(VERDICT.to_json(),),
        cells=(Cell(label="< 1", reference=60, current=10),),
        budget_basis=Basis.THIN,
        minimum_detectable_effect=0.2,
        effect_low=0.1,
        effect_high=0.4,
    )
    return WindowRecord(
        model="loan",
        version="7",
        segment=("tags.country", "DE"),
        start_ms=300_000,
        end_ms=600_000,
        events=13,
        completeness=Completeness.COMPLETE,
        state=State.DRIFT,
        baseline_events=100,
        learned_windows=8,
        signals=(signal,),
    )


def closing() -> Closing:
    """One that keeps a group's memory and a baseline's window."""
    baselines = {("loan", segment): group for segment, group in learned().groups.items()}
    found = Closing(300_000, 600_000, Completeness.COMPLETE, {}, memories={GROUP: GROUP_MEMORY}, baselines=baselines)
    rolled = Rolling(20, Settings()).add(300_000, profile())
    assert rolled is not None
    found.rolled[GROUP] = rolled
    return found


def completing() -> Closing:
    """One that completes a baseline."""
    whole = measured(learned().groups[None], Settings())
    return Closing(300_000, 600_000, Completeness.COMPLETE, {}, baselines={("loan", None): whole})


def by_hour() -> BaselineGroup:
    """One that is being learned, of a window of each of two days."""
    group = BaselineGroup(GroupProfile.empty(RESOLUTION)).add(300_000, profile()).add(300_000 + DAY_MS, profile())
    return with_hours(group, Season.HOUR_OF_DAY)


def learning_by_hour() -> Closing:
    """One that keeps an hour of a season."""
    start = 300_000 + DAY_MS
    return Closing(start, start + 300_000, Completeness.COMPLETE, {}, baselines={("loan", None): by_hour()})


def completing_by_hour() -> Closing:
    """One that completes a baseline with an hour of a season."""
    whole = measured(by_hour(), Settings(), whole_hours(by_hour()))
    return replace(learning_by_hour(), baselines={("loan", None): whole})


def table(name: str, some: Closing | None = None) -> dict[bytes, bytes]:
    """What a closing writes to a table of partition 2, by generation 9."""
    if name == "state":
        return dict([*state_records(2, 9, closing()), partition_record(2, 9, PARTITION_MEMORY)])
    return dict(pair for change in baseline_changes(2, 9, some or closing()) for pair in change.pairs)


@cache
def forms() -> Mapping[str, bytes]:
    """The bytes of today, by form and version."""
    state, baselines = table("state"), table("baselines")
    return {
        f"profile.v{wire.VERSION}": wire.encode_group(profile()),
        f"profile.v{wire.CROSS_VERSION}": wire.encode_group(crossed()),
        f"packet.v{packet.VERSION}": packet.encode_packet(message()),
        f"packet.v{packet.SCORED_VERSION}": packet.encode_packet(scored_message()),
        f"marker.v{packet.VERSION}": packet.encode_marker(MARKER),
        f"commit.v{resume.VERSION}": resume.encode_progress(PROGRESS, *COMMITTED).encode(),
        f"state-table.v{memory.VERSION}": _lines(state),
        f"baselines-table.v{wire.VERSION}": _lines({k: v for k, v in baselines.items() if ROLLED not in k}),
        f"rolled-table.v{baseline_table.ROLLED_VERSION}": _lines({k: v for k, v in baselines.items() if ROLLED in k}),
        f"learned-table.v{learned_record.VERSION}": _lines(table("baselines", completing())),
        f"hour-table.v{hour_record.VERSION}": _lines(table("baselines", learning_by_hour())),
        f"learned-hour-table.v{learned_record.VERSION}": _lines(table("baselines", completing_by_hour())),
        f"alert.v{alert.SCHEMA[-1]}": ALERT.encode(),
        f"window.v{window.SCHEMA[-1]}": record().encode(),
    }


def counted() -> BaselineGroup:
    """A baseline being learned, of ten windows of which two are counted. The bytes of what is deflated are zlib's own, so
    only what they say is held against the golden file."""
    group, taking = BaselineGroup(GroupProfile.empty(COARSE)), Taking(Settings().bins)
    for at in range(10):
        numbers = np.arange(100.0) * (1 + at % 3)
        one = GroupProfile.of(100, {"n": some.profile_of_numbers(numbers, COARSE)}, COARSE).collapsed()
        group = taking.take(group, at * 300_000, one)
    return group


def counted_table() -> dict[bytes, bytes]:
    """What the closings that learned it write to a table of partition 2, by generation 9."""
    group, pairs = counted(), dict[bytes, bytes]()
    for start in group.windows:
        one = Closing(start, start + 300_000, Completeness.COMPLETE, {}, baselines={("loan", None): group})
        pairs |= table("baselines", one)
    return pairs


def golden(form: str) -> bytes:
    return (GOLDEN / f"{form}.bin").read_bytes()


def pairs_of(data: bytes) -> dict[bytes, bytes]:
    """Keys and values of a table, from a line for each: both as hex."""
    return {bytes.fromhex(k): bytes.fromhex(v) for k, v in (line.split() for line in data.decode().splitlines())}


def _lines(pairs: Mapping[bytes, bytes]) -> bytes:
    return "".join(f"{key.hex()} {value.hex()}\n" for key, value in pairs.items()).encode()


def main() -> None:
    """Writes what is missing."""
    for form, data in forms().items():
        path = GOLDEN / f"{form}.bin"
        if not path.exists():
            path.write_bytes(data)
    if not (GOLDEN / "counted-table.v1.bin").exists():
        (GOLDEN / "counted-table.v1.bin").write_bytes(_lines(counted_table()))
    if not (GOLDEN / "baseline.v4.bin").exists():
        (GOLDEN / "baseline.v4.bin").write_bytes(whole().encode())


if __name__ == "__main__":
    main()
