"""Every form there is, by the name that `event.format` has for it."""

from collections.abc import Callable, Mapping, Sequence

from pipeline.events.formats import cloudevents, kserve, sagemaker, seldon
from pipeline.events.formats.envelope import Document, Envelope, Half

# The plain events that a record holds; none where it is the other half of a pair. A record that is not of the form
# raises ValueError, or whatever else it makes Python raise.
Form = Callable[[Envelope, Half], Sequence[Document]]

FORMATS: Mapping[str, Form] = {
    "cloudevents": cloudevents.events,
    "kserve-v1": kserve.v1_events,
    "kserve-v2": kserve.v2_events,
    "sagemaker": sagemaker.events,
    "seldon": seldon.events,
}
