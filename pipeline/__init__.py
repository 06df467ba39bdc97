"""The flow: ingest, monitor, alerting, metrics, the Faust worker, replay and the command."""
