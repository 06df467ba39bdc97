"""The Turing Change Point Dataset, the 18 series of it at hand, through the command."""

import csv
import json
from pathlib import Path

import pytest

from tests.yardsticks.series import SHARED, scorer, series

TCPD = SHARED / "data" / "tcpd"

pytestmark = [
    pytest.mark.yardstick,
    pytest.mark.timeout(600),
    # The scorers leave their files to be closed by the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


def write_series(source: Path, folder: Path) -> Path:
    """The first dimension of a series as CSV, its rows numbered in place of times."""
    data = json.loads(source.read_bytes())
    path = folder / f"{data['name']}.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", "value"])
        rows.writerows([i, "" if v is None else v] for i, v in enumerate(data["series"][0]["raw"]))
    return path


def test_18_series_reach_f1_of_75_and_cover_of_70(tmp_path: Path) -> None:
    tcpd_score = scorer("tcpd_score")
    files = [write_series(path, tmp_path) for path in sorted(TCPD.glob("datasets/*/*.json"))]
    series(*files, "--changes", tmp_path / "changes.json")
    changes = json.loads((tmp_path / "changes.json").read_bytes())
    annotations, lengths = json.loads((TCPD / "annotations.json").read_bytes()), tcpd_score.lengths()
    assert len(changes) == 18
    f1 = [tcpd_score.f1(annotations[name], found) for name, found in changes.items()]
    cover = [tcpd_score.cover(annotations[name], found, lengths[name]) for name, found in changes.items()]
    print(f"F1 {sum(f1) / 18:.3f}, cover {sum(cover) / 18:.3f}")
    assert sum(f1) / 18 >= 0.75
    assert sum(cover) / 18 >= 0.70
