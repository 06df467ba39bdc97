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
    Row("getmany", "getmany", "fetch:measure", kafka=True),
    Row("orjson", "orjson", "decode:measure"),
    Row("floor", "floor: getmany + orjson", "fetch:measure_floor", kafka=True),
    Row("ingest", "ingest", "ingest:measure", kafka=True),
    Row("replay", "replay", "replay:measure"),
    Row("messy", "replay, messy events", "replay:measure_messy", mix="messy"),
    Row("faust", "Faust agent, counting", "faust_agent:measure", kafka=True),
)
MORE_ROWS = (
    Row("one-group", "replay, one group", "replay:measure_one_group", mix="one group"),
    Row("many-groups", "replay, many groups", "replay:measure_many_groups", mix="many groups"),
)
BY_NAME = {row.name: row for row in (*ROWS, *MORE_ROWS)}
FLOOR = "floor"
PROFILED = ("ingest", "replay", "messy")
