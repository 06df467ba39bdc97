"""The HTTP port of a process: one server, in a thread and on a loop of its own. The one importer of aiohttp.

Whatever it answers, the loop of ingest and the monitor goes on. Routes are plain functions from a request to an answer,
called on the server's loop; a slow one that needs nothing of that loop may ask for a thread.
"""

import asyncio
import hmac
import logging
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from ssl import SSLContext
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from aiohttp import BasicAuth, web

from schemas.errors import BrokerError

log = logging.getLogger("driftline.http")

_BACKLOG = 128
_PATIENCE_S = 2.0
_PORT_SETTING = "metrics.port, in the demo --port"
_SAFETY = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Request(NamedTuple):
    """What a route is told: the path, the first value of each parameter, and the `Accept` header."""

    path: str
    query: Mapping[str, str]
    accept: str = ""


class Answer(NamedTuple):
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = _NO_HEADERS


class Route(NamedTuple):
    """`threaded` for what takes long. `guarded` routes ask for the password, where there is one."""

    answer: Callable[[Request], Answer]
    threaded: bool = False
    guarded: bool = True


class Credentials(NamedTuple):
    username: str
    password: str


class Server:
    """Serves routes by path from `start` to `close`, and runs `background` beside them on the same loop. Paths without a
    route are answered by `other`; `setting` is what to change where the port is taken."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        host: str,
        port: int,
        *,
        other: Route | None = None,
        setting: str = _PORT_SETTING,
        credentials: Credentials | None = None,
        tls: SSLContext | None = None,
        background: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
    ) -> None:
        self._routes = routes
        self._other = other or Route(_nothing_here)
        self._credentials = credentials
        self._tls = tls
        self._background = background
        self._socket = _listening(host, port, setting)
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="driftline-http", daemon=True)
        self.port = int(self._socket.getsockname()[1])

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """Ends the thread; what is being answered may be cut off."""
        with suppress(RuntimeError):  # the loop may have ended by itself
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_PATIENCE_S)
        self._socket.close()

    def soon(self, call: Callable[..., object], *arguments: object) -> None:
        """Has a call made on the server's loop, from any thread: what routes read may only be changed there."""
        self._loop.call_soon_threadsafe(call, *arguments)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        await web.SockSite(runner, self._socket, backlog=_BACKLOG, ssl_context=self._tls).start()
        tasks = [asyncio.ensure_future(run()) for run in self._background]
        await self._stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runner.cleanup()

    async def _handle(self, http: web.Request) -> web.Response:
        route = self._routes.get(http.path, self._other)
        if route.guarded and not self._may(http.headers.get("Authorization", "")):
            asks = {"WWW-Authenticate": 'Basic realm="driftline", charset="UTF-8"'}
            return _response(Answer(b"a name and a password are needed\n", status=401, headers=asks))
        request = Request(http.path, {name: http.query[name] for name in http.query}, http.headers.get("Accept", ""))
        try:
            answer = await asyncio.to_thread(route.answer, request) if route.threaded else route.answer(request)
        except Exception:
            log.exception("%s could not be answered", http.path)
            answer = Answer(b"this could not be answered; the log says why\n", status=500)
        response = _response(answer)
        response.enable_compression()
        return response

    def _may(self, header: str) -> bool:
        if self._credentials is None:
            return True
        try:
            given = BasicAuth.decode(header, encoding="utf-8")
        except ValueError:
            return False
        wanted = self._credentials
        names = hmac.compare_digest(given.login.encode(), wanted.username.encode())
        return hmac.compare_digest(given.password.encode(), wanted.password.encode()) and names


def _response(answer: Answer) -> web.Response:
    headers = {**_SAFETY, "Content-Type": answer.content_type, **answer.headers}
    return web.Response(body=answer.body, status=answer.status, headers=headers)


def _nothing_here(request: Request) -> Answer:
    return Answer(b"nothing here\n", status=404)


def check_address(host: str, port: int, *, held: bool) -> None:
    """Raises BrokerError where a server could not be had there. A port that is `held` is this process's own, on whichever
    host: of it the host alone is tried. Nobody is served meanwhile."""
    _listening(host, port, _PORT_SETTING, held=held).close()


def _listening(host: str, port: int, setting: str, *, held: bool = False) -> socket.socket:
    """A socket bound to the host and port, or to any port. Raises BrokerError where they cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0 if held else port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise BrokerError(
            f"metrics cannot be served on {host}:{port}: {error.strerror}; choose another port ({setting})"
        ) from error
