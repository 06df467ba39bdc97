"""The sections `metrics`, `page` and `alertmanager`: what a worker serves, and whom the notifier tells."""

from typing import Annotated

from pydantic import Field, model_validator

from schemas.duration import DurationMs
from schemas.security_config import AccessConfig, ServerTlsConfig
from schemas.settings import MOST, Address, FilePath, Link, Many, Name, Section, between, duration, unique


class MetricsConfig(Section):
    """Where a worker serves its page, `/metrics`, `/healthz` and `/readyz`."""

    host: Name = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    """0 turns it off."""

    notify_port: Annotated[int, Field(ge=0, le=65_535)] = 9466
    """Where `driftline notify` serves `/metrics`, `/healthz` and `/readyz`, on the same host; 0 turns it off."""

    max_series: Annotated[int, Field(ge=100, le=MOST)] = 5_000
    """Of a model's groups and signals at most so many series; of more, the worst, and the rest is counted."""

    quantiles: Annotated[Many[Annotated[float, Field(gt=0, lt=1)]], unique("quantile", str), Field(max_length=9)] = (
        0.05,
        0.5,
        0.95,
    )
    """Of each signal's numbers; a series each. None with an empty list."""

    username: Annotated[str, Field(max_length=200, pattern="^[^:]*$")] = ""
    """With a password file, the page and `/metrics` ask for it: basic authentication."""

    password_file: FilePath = ""
    """The path of a file that holds the password, relative to the configuration's folder."""

    tls: ServerTlsConfig | None = None
    """With a certificate, the port speaks TLS, and nothing else."""

    @model_validator(mode="after")
    def _has_both(self) -> "MetricsConfig":
        if bool(self.username) != bool(self.password_file):
            raise ValueError("username and password_file go together; set both or neither")
        return self


class PageConfig(Section):
    """What a worker's page remembers."""

    history_ms: Annotated[DurationMs, between("1m")] = duration("history", "24h")
    """How far back the page reads when a worker starts."""

    windows: Annotated[int, Field(ge=12, le=2_000)] = 200
    """The windows of each group that it keeps at most."""


class AlertmanagerConfig(Section):
    """Whom `driftline notify` tells of alerts."""

    urls: Annotated[Many[Address], unique("address", str)] = ()
    """Every Alertmanager, each of a cluster by its own address."""

    access: AccessConfig = AccessConfig()
    """How they are asked."""

    resend_ms: Annotated[DurationMs, between("1s", "1h")] = duration("resend", "1m")
    """Open alerts are sent again so often. Without, they end after four times as long."""

    history_ms: Annotated[DurationMs, between("1h")] = duration("history", "90d")
    """How far back the alert topic is read for alerts that are still open. At most as long as the topic keeps them."""

    runbook_url: Link = ""
    """What to do, for whoever is on call; an annotation of each alert."""

    generator_url: Link = ""
    """Where each alert leads to: a dashboard."""
