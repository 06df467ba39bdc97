"""A peer that refuses, hangs up or is not there: said once, never raised."""

import logging

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pipeline.alerts.alertmanager import Peer


class Alertmanager:
    """Answers with what it is told to, and counts the alerts it was sent."""

    def __init__(self) -> None:
        self.status = 200
        self.sizes: list[int] = []

    async def take(self, request: web.Request) -> web.Response:
        self.sizes.append(len(await request.json()))
        return web.Response(
            status=self.status, body=b"bad \xff label", headers={"Content-Type": "text/plain; charset=no"}
        )


async def test_a_peer_is_said_to_be_away_once_and_back_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "driftline.notify")
    there, notice = Alertmanager(), {"labels": {"alertname": "x"}}
    application = web.Application()
    application.router.add_post("/am/api/v2/alerts", there.take)
    async with TestServer(application) as server, aiohttp.ClientSession() as session:
        shown = f"http://127.0.0.1:{server.port}/am"
        peer = Peer(session, shown)
        took = []
        for status in (200, 400, 503, 302, 200, 200):
            there.status = status
            took.append(await peer.push([notice]))
        assert took == [True, False, False, False, True, True]
        there.sizes.clear()
        assert await peer.push([notice] * 450)
        assert there.sizes == [200, 200, 50]
        assert await peer.push([])
    assert [record.getMessage() for record in caplog.records] == [
        f"peer is away: url={shown} error='HTTP 400: bad \ufffd label'",
        f"peer is back: url={shown}",
    ]


async def test_a_peer_that_is_not_there_is_away() -> None:
    async with aiohttp.ClientSession() as session:
        assert not await Peer(session, "http://127.0.0.1:1").push([{"labels": {}}])
