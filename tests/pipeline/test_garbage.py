"""Memory that batches let go of is there for the next, unless the operator has said otherwise."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from pipeline.process.garbage import expect_batches
if "expect" in sys.argv:
    expect_batches()
def batch():
    [np.ones(1 << 16) for _ in range(20)]
batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    batch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*arguments: str, **variables: str) -> int:
    known = {k: v for k, v in os.environ.items() if k != "GLIBC_TUNABLES" and not k.startswith("MALLOC_")}
    command = [sys.executable, "-c", FAULTS, *arguments]
    return int(subprocess.run(command, env=known | variables, check=True, capture_output=True, timeout=60).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to keep")
def test_what_a_batch_lets_go_of_is_kept_for_the_next() -> None:
    """10 MiB each, 2,560 pages."""
    assert faults("expect") < 2_560 < 25_000 < faults()
    assert faults("expect", MALLOC_TRIM_THRESHOLD_="100000") > 25_000
