"""A schema registry that is a small real server."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from pipeline.events.formats.framed import FramedReader
from pipeline.events.reader import EventReader
from schemas.config import Config


class Registry:
    """Answers with schemas by number, and with numbers by subject and version, and with the HTTP status `absent` where it has
    none; what it has is in `answers`, by path, and what it was asked for in `asked`, in order."""

    def __init__(
        self, held: Mapping[int, Mapping[str, Any]], versions: Mapping[str, int] | None = None, absent: int = 404
    ) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {f"/schemas/ids/{number}": answer for number, answer in held.items()}
        self.answers |= {f"/subjects/{name}": {"id": number} for name, number in (versions or {}).items()}
        asked, answers = self.asked, self.answers

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                found = answers.get(unquote(urlsplit(self.path).path))
                self.send_response(absent if found is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(found or {"error_code": 40403}).encode())

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reader(self, form: str) -> EventReader:
        return reader_of(self.url, form)

    def framed(self, form: str, clock: Callable[[], float] = time.monotonic) -> FramedReader:
        return FramedReader(config_of(self.url, form), clock)


def reader_of(url: str, form: str) -> EventReader:
    return EventReader(config_of(url, form))


def config_of(url: str, form: str) -> Config:
    return Config.from_mapping({"event": {"format": form, "registry": url}})


def framed(payload: bytes, number: int = 7) -> bytes:
    """A payload as Confluent's serializers frame it."""
    return b"\x00" + number.to_bytes(4, "big") + payload
