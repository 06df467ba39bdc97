"""A new baseline named in a configuration: everything else stays."""

import pytest

from pipeline.configuration.baseline_edit import how_to_name, with_baseline
from pipeline.configuration.yaml_edit import document_of
from schemas.config import Config
from schemas.season import Season

HEAD = "models:\n  - {name: other}\n  - name: loan\n"


@pytest.mark.parametrize(
    "baseline",
    [
        "    baseline: {file: old.json, season: hour_of_day, rolling: {windows: 200}}\n",
        "    baseline: {learn: {windows: 50}, season: hour_of_day, rolling: {windows: 200}}\n",
        "    baseline:\n      learn: {windows: 50}\n      season: hour_of_day\n      rolling:\n        windows: 200\n",
        "    baseline:\n      season: hour_of_day\n      rolling: {windows: 200}  # a week\n",
    ],
)
def test_the_season_and_the_rolling_baseline_stay(baseline: str) -> None:
    text = with_baseline(f"{HEAD}{baseline}    segments: [tags.country]  # each\n", 1, "new.json")
    model = Config.from_mapping(document_of(text)).models[1]
    assert not isinstance(model, str)
    assert (model.baseline_file, model.season, model.rolling_windows) == ("new.json", Season.HOUR_OF_DAY, 200)
    assert text.endswith("    segments: [tags.country]  # each\n")
    assert ("# a week" in text) == ("# a week" in baseline)


@pytest.mark.parametrize(
    "baseline", ["    baseline: old.json\n", "    baseline: {learn: {windows: 50}}\n", "    segments: [tags.country]\n"]
)
def test_a_baseline_that_is_a_path_or_learned_becomes_the_path(baseline: str) -> None:
    model = document_of(with_baseline(HEAD + baseline, 1, "a: b.json"))["models"][1]
    assert model["baseline"] == "a: b.json"


def test_what_naming_a_model_does_is_said() -> None:
    said = how_to_name(Config(), "loan", "loan.json")
    assert "models: [{name: loan, baseline: loan.json}]" in said
    assert "no longer watched" in said
    named = Config.from_mapping({"models": [{"name": "other"}]})
    assert how_to_name(named, "loan", "loan.json") == (
        "has no entry of loan; add to models: {name: loan, baseline: loan.json}"
    )
