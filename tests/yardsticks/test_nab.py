"""The Numenta Anomaly Benchmark, the half of it at hand: 34 files through the command.

Parameters were chosen on every other file in alphabetical order, the first among them; the rest were held back.
"""

from pathlib import Path
from types import ModuleType

import pytest

from tests.yardsticks.series import SHARED, scorer, series

NAB = SHARED / "data" / "nab"
AT_LEAST = {"standard": 74.0, "reward_low_FP_rate": 68.0, "reward_low_FN_rate": 78.0}
STANDARD = {"tpWeight": 1.0, "fnWeight": 1.0, "fpWeight": 0.11}

pytestmark = [
    pytest.mark.yardstick,
    pytest.mark.timeout(1200),
    # The scorers leave their files to be closed by the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def nab_score() -> ModuleType:
    pytest.importorskip("pandas", reason="NAB's scorer needs pandas")
    return scorer("nab_score")


@pytest.fixture(scope="module")
def scored(nab_score: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nab")
    for path in sorted((NAB / "data").rglob("*.csv")):
        series(path, "-o", folder / path.parent.name / path.name)
    return folder


def test_34_files_score_at_least_as_the_best_published_detector(nab_score: ModuleType, scored: Path) -> None:
    results = nab_score.score_dir(scored, NAB)
    for profile, result in results.items():
        print(f"{profile}: {result['score']:.1f}, found {result['found']}, false rows {result['fp_rows']}")
        for group, of in result["groups"].items():
            print(f"    {group}: {of['score'] or 0:.1f}, found {of['found']} of {of['windows']}, false {of['fp_rows']}")
    assert {name: r["score"] for name, r in results.items() if r["score"] < AT_LEAST[name]} == {}


@pytest.mark.parametrize("first", [0, 1])
def test_each_half_scores_at_least_70(first: int, nab_score: ModuleType, scored: Path) -> None:
    corpus = nab_score.load_corpus(NAB)
    half = {name: corpus[name] for name in sorted(corpus)[first::2]}
    events = nab_score.gather(half, {name: nab_score.read_scores(scored / name) for name in half})
    windows = sum(len(windows) for _, windows in half.values())
    raw, threshold, found, false = nab_score.total(events, STANDARD)
    score = 100 * (raw + windows) / (2 * windows)
    print(f"half {first}: {score:.1f}, threshold {threshold:.3f}, found {found} of {windows}, false rows {false}")
    assert score >= 70
