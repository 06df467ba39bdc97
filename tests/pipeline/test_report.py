"""`driftline report`: one file, of what replay wrote, that fetches nothing."""

from pathlib import Path

import pytest

from tests.pipeline.html_reader import Page
from tests.pipeline.past import EVIL, Said, drifting, hostile
from tests.pipeline.workers import driftline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "driftline.yaml").write_text("{}")
    write(folder, "loan", drifting("loan", 6000))
    write(folder, "evil", hostile())
    return folder


def write(folder: Path, name: str, said: Said) -> None:
    (folder / f"{name}-windows.ndjson").write_bytes(b"\n".join(said.windows) + b"\n")
    (folder / f"{name}-alerts.ndjson").write_bytes(b"\n".join(said.alerts) + b"\n")


def report(folder: Path, name: str, *more: str) -> str:
    out = folder / f"{name}.html"
    files = ["--windows", folder / f"{name}-windows.ndjson", "--alerts", folder / f"{name}-alerts.ndjson"]
    done = driftline("report", "-c", folder / "driftline.yaml", *files, "-o", out, *more)
    assert done.returncode == 0, done.stderr
    return out.read_text("utf-8")


@pytest.mark.parametrize("name", ["loan", "evil"])
def test_it_is_one_file_with_everything_in_it(folder: Path, name: str) -> None:
    page = Page(report(folder, name))
    assert page.fetched == page.handlers == []
    assert not {"script", "iframe", "img", "link"} & page.tags
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    for said in ("Open incident", "Budget", "Baseline and current", "What it could not have seen"):
        assert said in page.text
    if name == "evil":
        assert EVIL in page.text


def test_the_same_files_give_the_same_report(folder: Path) -> None:
    assert report(folder, "loan") == report(folder, "loan", "--model", "loan")


def test_without_alerts_there_is_no_budget_to_speak_of(folder: Path) -> None:
    out = folder / "alone.html"
    windows = folder / "loan-windows.ndjson"
    done = driftline("report", "-c", folder / "driftline.yaml", "--windows", windows, "-o", out)
    assert done.returncode == 0, done.stderr
    text = Page(out.read_text("utf-8")).text
    assert "Budget" not in text
    assert "value: median" in text


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--windows", "{}/nowhere"], 1, "No such file"),
        (["--windows", "{}/driftline.yaml"], 1, "no window record in it"),
        (["--windows", "{}/loan-windows.ndjson", "--model", "x"], 1, "no window of model 'x'; there are loan"),
        (["--alerts", "{}/loan-alerts.ndjson"], 2, "needs --windows"),
        (["--windows", "{}/loan-windows.ndjson", "-o", "{}/loan-windows.ndjson/where.html"], 1, "is a file, no folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder: Path, more: list[str], code: int, said: str) -> None:
    given = [word.format(folder) for word in more]
    if "-o" not in given:
        given += ["-o", f"{folder}/out.html"]
    done = driftline("report", "-c", folder / "driftline.yaml", *given)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
