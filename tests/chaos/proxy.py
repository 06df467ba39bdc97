"""A TCP proxy before the broker that cuts connections half-way through replies."""

import asyncio
import random
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 1 << 16
_LEAST, _MOST = 2.0, 6.0  # powers of ten


class Proxy:
    """Forwards connections to a port of this machine. While `cutting`, each connection is cut after a random number of
    bytes of replies, between 100 and a million. `cuts` counts them."""

    def __init__(self, port: int, dice: random.Random) -> None:
        """Listens on `port`; `to` says where to forward to."""
        self.port = port
        self.to = 0
        self.cutting = False
        self.cuts = 0
        self._dice = dice
        self._pipes: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        try:
            with suppress(OSError):
                await self._forward(reader, writer)
        finally:
            writer.transport.abort()
            self._pipes.discard(task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        replies, requests = await asyncio.open_connection("127.0.0.1", self.to)
        ways = [
            asyncio.create_task(self._requests(reader, requests)),
            asyncio.create_task(self._replies(replies, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            requests.transport.abort()

    async def _requests(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(_CHUNK_BYTES):
            sink.write(data)
            await sink.drain()

    async def _replies(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        left = int(10 ** self._dice.uniform(_LEAST, _MOST))
        while data := await source.read(_CHUNK_BYTES):
            if self.cutting and len(data) >= left:
                sink.write(data[: left // 2])
                await sink.drain()
                self.cuts += 1
                return
            left -= len(data) if self.cutting else 0
            sink.write(data)
            await sink.drain()
