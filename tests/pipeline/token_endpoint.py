"""A token endpoint for OAUTHBEARER: a small real server, whose tokens nobody signed."""

import json
import threading
import time
import urllib.parse
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class TokenEndpoint:
    """Gives tokens for `lasts_s` to who shows the client's secret, and keeps what it was asked."""

    def __init__(self, client_id: str, secret: str) -> None:
        self._wanted = f"{client_id}:{secret}"
        self._client_id = client_id
        self.lasts_s = 300.0
        self.asked: list[dict[str, str]] = []
        self.url = ""

    def answer(self, authorization: str, body: str) -> tuple[int, dict[str, Any]]:
        given = urllib.parse.unquote_plus(b64decode(authorization.removeprefix("Basic ")).decode())
        if given != self._wanted:
            return 401, {"error": "invalid_client"}
        self.asked.append(dict(urllib.parse.parse_qsl(body)))
        return 200, {"access_token": self._token(), "expires_in": self.lasts_s, "token_type": "Bearer"}

    def _token(self) -> str:
        now = time.time()
        claims = {"sub": self._client_id, "iat": now, "exp": now + self.lasts_s}
        parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
        return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


@contextmanager
def token_endpoint(client_id: str, secret: str) -> Iterator[TokenEndpoint]:
    endpoint = TokenEndpoint(client_id, secret)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, document = endpoint.answer(self.headers["Authorization"], body)
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        endpoint.url = f"http://127.0.0.1:{server.server_port}/token"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield endpoint
        server.shutdown()
        thread.join()
