"""The rows of the benchmark, in the order of the table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """`function` is `module:name` in this package: imported by the child alone, so that no row carries another's
    imports."""

    name: str
    title: str
    function: str
    kafka: bool = False
    mix: str = "clean"


ROWS = (
    Row("getmany", "aiokafka getmany alone", "fetch:measure", kafka=True),
    Row("orjson", "orjson alone, in memory", "decode:measure"),
    Row("floor", "the floor: getmany and orjson on joined batches", "fetch:measure_floor", kafka=True),
    Row("ingest", "ingest: Kafka to packets and commits", "ingest:measure", kafka=True),
    Row("replay", "replay up to the packets, in memory", "replay:measure"),
    Row("messy", "the same, messy events of 20 models", "replay:measure_messy", mix="messy"),
    Row("faust", "a Faust agent that only counts", "faust_agent:measure", kafka=True),
)
MORE_ROWS = (
    Row("one-group", "replay: 1 model, 1 segment, 1 open window", "replay:measure_one_group", mix="one group"),
    Row(
        "many-groups",
        "replay: 100 models, 10 segments, 3 open windows",
        "replay:measure_many_groups",
        mix="many groups",
    ),
)
BY_NAME = {row.name: row for row in (*ROWS, *MORE_ROWS)}
FLOOR = "floor"
PROFILED = ("ingest", "replay", "messy")
