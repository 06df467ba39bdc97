"""What the pages say, that every link leads somewhere, and that no name can be more than a name."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from pipeline.serving.page import words
from pipeline.serving.page.chronicle import Chronicle
from pipeline.serving.page.renderer import Freshness
from pipeline.serving.page.signal_view import signal_view
from pipeline.serving.page.site import Site
from pipeline.serving.server import Answer, Request
from schemas import codec
from schemas.config import Config
from schemas.group import Group
from tests.pipeline.events import encode, event, loans
from tests.pipeline.html_reader import Page
from tests.pipeline.past import EVIL, Said, drifting, fill, hostile, said, scored

CONFIG = Config()
FRESH = Freshness("just now")
DRIFTS_AT = 6000


@pytest.fixture(scope="module")
def chronicle() -> Chronicle:
    filled = Chronicle()
    for some in (drifting("loan", DRIFTS_AT), drifting("fraud", 8000, seed=2), hostile()):
        fill(filled, some)
    learning = (encode(event(i, 1_700_000_000_000 + i * 1000, "young", tags={"country": "FR"})) for i in range(1000))
    return fill(filled, said("young", learning))


@pytest.fixture(scope="module")
def site(chronicle: Chronicle) -> Site:
    return Site(CONFIG, chronicle, lambda: FRESH)


def get(site: Site, address: str) -> Answer:
    parts = urlsplit(address)
    request = Request(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)))
    route = site.routes.get(parts.path)
    return route.answer(request) if route else site.not_found(request)


def page(site: Site, address: str, status: int = 200) -> Page:
    answer = get(site, address)
    assert answer.status == status
    assert answer.content_type == "text/html; charset=utf-8"
    return Page(answer.body.decode())


def every_page(site: Site) -> dict[str, Page]:
    """All that can be reached from the start."""
    found: dict[str, Page] = {}
    left = ["/"]
    while left:
        address = left.pop()
        if address.startswith("#") or "refresh=" in address or address in found:
            continue
        found[address] = page(site, address)
        left += found[address].links
    return found


def test_every_link_leads_to_a_page_and_every_page_is_well_formed(site: Site) -> None:
    pages = every_page(site)
    assert len(pages) >= 1 + 4 + 4 * 4
    for address, one in pages.items():
        assert one.headings[:1] == [1], address
        assert one.headings.count(1) == 1
        assert all(after - before <= 1 for before, after in zip(one.headings, one.headings[1:], strict=False)), address
        assert len(set(one.ids)) == len(one.ids)
        assert one.links[0] == "#main"
        assert {"main", "header", "footer", "nav"} <= one.tags
        assert "just now" in one.text


def test_nothing_is_fetched_and_nothing_runs(site: Site) -> None:
    for address, one in every_page(site).items():
        assert one.fetched == [], address
        assert one.handlers == [], address
        assert not {"script", "iframe", "object", "form", "img", "link"} & one.tags
    policy = get(site, "/").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_names_that_are_markup_are_shown_as_they_are(site: Site) -> None:
    pages = [one for address, one in every_page(site).items() if "script" in address]
    assert len(pages) >= 1 + 2 + 4
    assert all(EVIL in one.text or EVIL.replace(" -> ", " → ") in one.text for one in pages)


def test_the_overview_says_what_drifts_since_when_and_by_how_much(site: Site) -> None:
    text = " ".join(page(site, "/").text.split())
    assert "2 of 4 models drift" in text
    assert "1 ok, 1 without a verdict yet" in text
    assert text.index("loan") < text.index("fraud") < text.index("young")
    assert "value: median" in text
    assert re.search(r"value: median [^;]*, and 1 more signal; chance shows", text)
    assert "Since 2023-11-14 01:40, for 33 min 20 s" in text
    assert "learning: 5 windows so far" in text
    assert "Budget: 1 of 1 in 30 d" in text


def test_a_model_says_its_incident_its_signals_and_its_segments(site: Site) -> None:
    text = " ".join(page(site, "/model?name=loan").text.split())
    for said_ in ("Open incident", "Since 2023-11-14 01:40: 2 signals", "Signals, version 1", "Segments", "Budget"):
        assert said_ in text
    assert "tags.country=DE" in text
    assert text.index("value") < text.index("term")


def test_a_signal_says_everything_about_it(site: Site) -> None:
    one = page(site, "/signal?model=loan&version=1&signal=value")
    text = " ".join(one.text.split())
    for heading in (
        "Baseline and current",
        "Over time",
        "What contributes to the change",
        "What it could not have seen",
    ):
        assert heading in text
    assert "Minimum detectable effect" in text
    assert "would have been found with a power of 0.8" in text
    assert "p-value against its level" in text
    quiet = " ".join(page(site, "/signal?model=loan&version=1&signal=term").text.split())
    assert "What contributes to the change" not in quiet
    assert "no change that matters" in quiet


def test_a_segment_s_signal_is_its_own(site: Site) -> None:
    one = page(site, "/signal?model=loan&version=1&segment=tags.country&value=DE&signal=grade")
    assert "tags.country=DE" in one.text
    group = page(site, "/model?name=loan&version=1&segment=tags.country&value=DE")
    assert "grade" in group.text


@pytest.mark.parametrize(
    "address",
    [
        "/nowhere",
        "/model",
        "/model?name=",
        f"/model?name=<b>{'x' * 500}",
        "/model?name=loan&version=2",
        "/model?name=loan&version=1&segment=tags.country&value=XX",
        "/signal",
        "/signal?model=loan&version=1&signal=none",
        "/signal?model=loan&signal=value",
        "/signal?model=loan&version=1&segment=tags.country&signal=value",
    ],
)
def test_what_is_not_there_is_said_clearly(site: Site, address: str) -> None:
    one = page(site, address, 404)
    assert "Nothing here" in one.text
    assert "b" not in one.tags


def test_refreshing_can_be_paused_and_stays_paused(site: Site) -> None:
    on, off = get(site, "/").body.decode(), get(site, "/?refresh=off").body.decode()
    assert '<meta http-equiv="refresh" content="30">' in on
    assert "Pause refreshing" in on
    assert "http-equiv" not in off
    leads = [link for link in Page(off).links if not link.startswith("#")]
    assert leads.pop(1) == "/?refresh=on"
    assert all("refresh=off" in link for link in leads)
    assert "http-equiv" not in get(site, "/signal?model=loan&version=1&signal=value").body.decode()


def test_before_the_first_window_it_says_so() -> None:
    text = page(Site(CONFIG, Chronicle(), lambda: FRESH), "/").text
    assert "No window has closed yet" in text


def test_a_lone_surrogate_in_an_address_does_no_harm(site: Site) -> None:
    request = Request("/model", {"name": "\ud800"})
    assert site.routes["/model"].answer(request).status == 404


def test_a_version_that_was_replaced_while_it_drifted_is_silent_and_not_red() -> None:
    chronicle = fill(Chronicle(), drifting("loan", DRIFTS_AT))
    site = Site(CONFIG, chronicle, lambda: FRESH)
    assert "1 of 1 model drifts" in page(site, "/").text
    last = codec.decode(drifting("loan", DRIFTS_AT).windows[-1])
    well = [signal | {"state": "ok"} for signal in last["signals"]]
    later = {"start_ms": last["end_ms"] + 13 * 200_000, "end_ms": last["end_ms"] + 14 * 200_000}
    del last["segment"]
    chronicle.window(codec.encode(last | later | {"version": "2", "state": "ok", "signals": well}))
    assert "1 model, no drift" in page(site, "/").text
    text = " ".join(page(site, "/model?name=loan").text.split())
    assert "Open incident" not in text
    assert "version 1: no events for 46 min 40 s; 2 alerts never resolved" in text


def test_an_incident_of_two_versions_says_of_which_each_alert_is() -> None:
    one = drifting("loan", DRIFTS_AT)
    newer = (b'"version":"1"', b'"version":"2"')
    other = Said(
        [window.replace(*newer) for window in one.windows],
        [alert.replace(*newer).replace(b'"id":"', b'"id":"2') for alert in one.alerts],
    )
    site = Site(CONFIG, fill(fill(Chronicle(), one), other), lambda: FRESH)
    assert "Versions 1 and 2, 400 events" in " ".join(page(site, "/").text.split())
    model = " ".join(page(site, "/model?name=loan").text.split())
    assert "2 signals in 2 versions" in model
    assert model.count("version 2 ") >= 2


def test_the_events_to_look_at_stand_with_the_incident_the_scores_and_what_fires_in_its_time() -> None:
    some = scored()
    site = Site(CONFIG, fill(Chronicle(), some), lambda: FRESH)
    alert = next(a for a in map(codec.decode, some.alerts) if a["signal"] == "__anomaly__")
    named = codec.decode(next(filter(None, some.of_alerts)))
    assert len(named) == 5
    model = " ".join(page(site, "/model?name=scored").text.split())
    for one in named:
        assert f"partition 0, offset {one['offset']}{words.number(one['score'])}" in model
    address = "/signal?model=scored&version=1&signal="
    scores, term, value = (" ".join(page(site, address + s).text.split()) for s in ("__anomaly__", "term", "value"))
    first = words.number(named[0]["score"])
    assert f"offset {named[0]['offset']}{first}{words.moment(alert['start_ms'])}" in scores
    assert "Events to look at" in term
    assert "Events to look at" not in value
    last = next(codec.decode(h) for h in reversed(some.of_windows) if codec.decode(h))
    assert any(f"offset {one['offset']}{words.number(one['score'])}" in scores for one in last)


def test_headers_that_are_none_name_no_events_and_harm_nothing() -> None:
    some = drifting("loan", DRIFTS_AT)
    chronicle = Chronicle()
    for header in (b"", b"{", b"[1]", b'[{"topic": 1}]', b"\xff", b"null"):
        chronicle.window(some.windows[-1], header)
        chronicle.alert(some.alerts[0], header)
    assert [past.sightings for past in chronicle.pasts("loan")] == [()]
    assert chronicle.passed_over == 0


def test_a_signal_of_which_nulls_alone_drift_shows_them_first() -> None:
    events = []
    for at, loan in enumerate(loans(6400, 6400)):
        if at >= 6000 and at % 4 == 0:
            loan["features"]["value"] = None
        events.append(encode(loan))
    chronicle = fill(Chronicle(), said("loan", events))
    view = signal_view(chronicle, Group("loan", "1"), "value")
    assert view is not None
    assert view.row.moved.startswith("null from 0 % to 25 % of events")
    first = view.bars[0]
    assert (first.label, first.reference_text, first.current_text) == ("null", "0 %", "25 %")
    assert view.moved[0].label == "null"
