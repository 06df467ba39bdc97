"""What the HTTP ports answer: a worker's the page, `/metrics`, and whether it lives and is ready; the notifier's the same
without a page."""

from ssl import SSLContext

from pipeline.connections.secret import read_secret_file
from pipeline.connections.tls import server_context
from pipeline.serving import metrics
from pipeline.serving.board import Board
from pipeline.serving.health import Health
from pipeline.serving.notify_board import NotifyBoard
from pipeline.serving.notify_metrics import notify_registry
from pipeline.serving.page.chronicle import Chronicle
from pipeline.serving.page.reader import TopicReader
from pipeline.serving.page.renderer import Freshness
from pipeline.serving.page.site import Site
from pipeline.serving.page.words import moment
from pipeline.serving.server import Answer, Credentials, Route, Server, check_address
from schemas.config import Config
from schemas.service_config import MetricsConfig


def worker_port(config: Config, board: Board, version: str) -> Server:
    """The server of a worker, not started. Raises BrokerError where its port is taken, InputError where the password or the
    certificate is not to be had."""
    chronicle = Chronicle(config.page.windows)
    reader = TopicReader(config, chronicle)
    site = Site(config, chronicle, reader.freshness)
    routes = {
        "/metrics": metrics.route(metrics.registry_of(board, version, config, chronicle.course)),
        **_health_routes(board.health),
        **site.routes,
    }
    return Server(
        routes,
        config.metrics.host,
        config.metrics.port,
        other=Route(site.not_found),
        credentials=credentials_of(config.metrics),
        tls=_tls_of(config.metrics),
        background=[reader.run],
    )


def notify_port(config: Config, board: NotifyBoard, version: str) -> Server:
    """The server of the notifier, not started. Raises as `worker_port` does."""
    return Server(
        {"/metrics": metrics.route(notify_registry(board, version)), **_health_routes(board.health)},
        config.metrics.host,
        config.metrics.notify_port,
        setting="metrics.notify_port",
        credentials=credentials_of(config.metrics),
        tls=_tls_of(config.metrics),
    )


def check_port(config: MetricsConfig, held: MetricsConfig) -> None:
    """Raises what `worker_port` would, for a process that serves one already, and serves nothing."""
    if config.port:
        credentials_of(config)
        _tls_of(config)
        check_address(config.host, config.port, held=config.port == held.port)


def local_port(config: Config, chronicle: Chronicle, board: Board, port: int, version: str) -> Server:
    """A server on the loopback, not started, of a chronicle that is filled within this process, by `Server.soon`. Raises
    BrokerError where the port is taken."""
    site = Site(config, chronicle, lambda: _up_to(chronicle))
    routes = {"/metrics": metrics.route(metrics.registry_of(board, version, config, chronicle.course)), **site.routes}
    return Server(routes, "127.0.0.1", port, other=Route(site.not_found))


def address_of(server: Server, config: MetricsConfig) -> str:
    """Where a server that has been started answers."""
    scheme = "http" if config.tls is None else "https"
    return f"{scheme}://{config.host}:{server.port}"


def credentials_of(config: MetricsConfig) -> Credentials | None:
    """The name and the password that are asked for; None where none are. Raises InputError for a file without one."""
    if not config.username:
        return None
    return Credentials(config.username, read_secret_file(config.password_file, "metrics.password_file"))


def _tls_of(config: MetricsConfig) -> SSLContext | None:
    """What the port shows; None where it is not encrypted. Raises InputError for a certificate or key that will not do."""
    return None if config.tls is None else server_context(config.tls, "metrics.tls")


def _up_to(chronicle: Chronicle) -> Freshness:
    newest_ms = chronicle.newest_ms
    return Freshness("No window yet" if newest_ms is None else f"Windows up to {moment(newest_ms)}")


def _health_routes(health: Health) -> dict[str, Route]:
    return {
        "/healthz": Route(lambda request: _told(health.stuck), guarded=False),
        "/readyz": Route(lambda request: _told(health.missing), guarded=False),
    }


def _told(faults: list[str]) -> Answer:
    text = "\n".join(faults) or "ok"
    return Answer(f"{text}\n".encode(), status=503 if faults else 200)
