"""CloudEvents, binary and structured: the data are the event, and the attributes stand beside it under `ce`."""

from collections.abc import Sequence

from pipeline.events.formats.envelope import Document, Envelope, Half, time_of, unwrapped


def events(envelope: Envelope, _: Half) -> Sequence[Document]:
    """One event. What the data lack of `event_id` and `ts` is the CloudEvent's `id` and `time`. Raises ValueError where
    it is no CloudEvent, or its data are no object."""
    event = unwrapped(envelope)
    if not event.attributes or not isinstance(event.data, dict):
        raise ValueError("not a CloudEvent with an object for its data")
    own = {"event_id": event.attributes.get("id"), "ts": time_of(event.attributes, envelope), "ce": event.attributes}
    return [{**own, **event.data}]
