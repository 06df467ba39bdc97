"""Which labels of Alertmanager an alert, an incident or a model goes by there, whether it came by rule or by push; and who
mutes it."""

import getpass
from collections.abc import Callable, Mapping

from pipeline.alerts.alert_log import find_alert
from pipeline.alerts.notices import ALERTNAME, labels_of
from schemas.config import Config

# What rules put on alerts, too; an incident is known to the push alone.
_SHARED = ("alertname", "model", "version", "segment", "signal")


def labels_to_mute(config: Config, name: str | None, model: str | None) -> Mapping[str, str]:
    """Those of one alert by its id; of a model, or of the model of an incident by its id. Raises InputError where the topic
    has no such id."""
    if name is None:
        return {"alertname": ALERTNAME, "model": model or ""}
    alert = find_alert(config, name)
    labels = labels_of(alert)
    shared = _SHARED if name == alert.id else ("alertname", "model")
    return {label: labels[label] for label in shared}


def author(known: Callable[[], str] = getpass.getuser) -> str:
    """Who runs this, by the environment or the system; `driftline` where neither has a name, as in many containers."""
    try:
        return known()
    except (KeyError, OSError):  # the one up to Python 3.12, the other from 3.13 on
        return "driftline"
