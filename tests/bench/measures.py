"""What is measured once, and is no row of events: each a few figures with their goals."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """`function` is `module:name` in this package, from Work to a list of findings. `slow` ones run with `--all`."""

    name: str
    title: str
    function: str
    kafka: bool = False
    slow: bool = True


MEASURES = (
    Measure("signals", "20 to 1,000 signals", "signals:measure", slow=False),
    Measure("packets", "bytes of packets", "packets:measure"),
    Measure("closing", "closing a window of 1,000 signals", "closed:measure"),
    Measure("learning", "learning a baseline of 50 signals", "learning:measure"),
    Measure("workers", "two workers against one", "scaling:measure", kafka=True),
    Measure("alerts", "from the sealing event to the alert", "sealing:measure", kafka=True),
    Measure("cold", "cold start", "cold:measure", kafka=True),
    Measure("memory", "resident memory", "memory:measure", kafka=True),
)
MEASURE_BY_NAME = {measure.name: measure for measure in MEASURES}
