"""The rows of the benchmark, in the order of the table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """`function` is `module:name` in this package: imported by the child alone, so that no row carries another's
    imports. `venv` names the environment that it runs in, where that is not this one."""

    name: str
    title: str
    function: str
    kafka: bool = False
    mix: str = "clean"
    venv: str = ""


ROWS = (
    Row("getmany", "getmany", "fetch:measure", kafka=True),
    Row("orjson", "orjson", "decode:measure"),
    Row("floor", "floor: getmany + orjson", "fetch:measure_floor", kafka=True),
    Row("ingest", "ingest", "ingest:measure", kafka=True),
    Row("ingest-seen", "ingest, correlations and scores", "ingest:measure_seen", kafka=True),
    Row("ingest-messy", "ingest, messy events", "ingest:measure_messy", kafka=True, mix="messy"),
    Row("replay", "replay", "replay:measure"),
    Row("seen", "replay, correlations and scores", "replay:measure_seen"),
    Row("messy", "replay, messy events", "replay:measure_messy", mix="messy"),
    Row("faust", "Faust agent, counting", "faust_agent:measure", kafka=True),
)
MORE_ROWS = (
    Row("models", "replay, 20 models", "replay:measure_models", mix="models"),
    Row("one-group", "replay, one group", "replay:measure_one_group", mix="one group"),
    Row("many-groups", "replay, many groups", "replay:measure_many_groups", mix="many groups"),
)
WHYLOGS = Row("whylogs", "whylogs, batches", "whylogs_frames:measure", venv="whylogs")
BY_NAME = {row.name: row for row in (*ROWS, *MORE_ROWS, WHYLOGS)}
FLOOR = "floor"
PROFILED = ("ingest", "ingest-seen", "ingest-messy", "replay", "seen", "messy", "models", "one-group", "many-groups")
