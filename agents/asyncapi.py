"""The topics and what is on them, as an AsyncAPI 3.0 document made from `streams.topics` and the models."""

from typing import Final, NamedTuple, TypeAlias

from schemas.compact import TYPES
from schemas.export import event_models
from streams import topics
from streams.topics import Topic

__all__ = ["asyncapi"]

Json: TypeAlias = dict[str, object]

CONTRACT: Final = "1.0.0"
BINDING: Final = "0.5.0"
STRUCTURED: Final = "application/cloudevents+json"

SAID_ON: Final = {
    "baton.stage.v1": topics.STAGES,
    "baton.clock.v1": topics.CLOCKS,
    "baton.credit.v1": topics.CREDITS,
    "baton.promise.v1": topics.PROMISES,
}
"""The topic of each type of event that Baton says itself."""

_ABOUT: Final = """\
Marketing and sales systems publish CloudEvents 1.0; Baton reads them, and says facts about them.

Both content modes of the Kafka protocol binding are read: structured (the value is the whole event, with the header
`content-type: application/cloudevents+json`) and binary (the value is `data`, the attributes are headers `ce_*`). Here
the structured mode is described; Baton itself writes no other.

The key of every record is the event's `subject`, as UTF-8. Any partitioner may be used; with murmur2, as Java's
clients and librdkafka's `murmur2_random` have it, no record need be passed on through `baton.routed`. An event is known
by its subject, source and id, so to publish it again does no harm. What cannot be read goes to `baton.quarantine`."""

_KEY: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 128, "description": "The event's subject."}
_QUARANTINE_HEADERS: Final = {
    "baton_reason": "Why, as a slug to count by.",
    "baton_detail": "Why, for people; up to 1,000 bytes.",
    "baton_topic": "The topic on which it came.",
    "baton_partition": "Its partition there.",
    "baton_offset": "Its offset there.",
}


class _Opaque(NamedTuple):
    """A record that is no event: what it is, its key and its headers."""

    name: str
    summary: str
    content_type: str
    key: str
    headers: dict[str, str]


_OPAQUE: Final = {
    topics.QUARANTINE: _Opaque(
        "quarantined",
        "A record as it came: its bytes, its key and its headers, and why it was refused.",
        "application/octet-stream",
        "The key that it had, or none.",
        _QUARANTINE_HEADERS,
    ),
    topics.CHANGELOG: _Opaque(
        "row",
        "A row of a partition's lead table. Baton's own: its form may change with any release.",
        "application/msgpack",
        "The lead's id, or that and a page's number; keys that begin with a zero byte are of no lead.",
        {},
    ),
    topics.TOTALS: _Opaque(
        "totals",
        "The sums of one partition. Baton's own: its form may change with any release.",
        "application/json",
        "The partition.",
        {},
    ),
    topics.NOTIFIED: _Opaque(
        "notice",
        "A message that waits, or was sent. Baton's own: its form may change with any release.",
        "application/json",
        "The message's key.",
        {},
    ),
    topics.AGREEMENTS: _Opaque(
        "agreement",
        "A version of the agreement, its holidays resolved to dates; `baton agreement publish` sends it. Of two "
        "records of one version the first counts, for good.",
        "application/json",
        "The agreement's name and the version's number, such as acme/3.",
        {"baton_written": "The version as it was written, as JSON."},
    ),
}


def asyncapi() -> Json:
    """The document, seen from Baton: it receives what others send, and sends what it says."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Baton's topics",
            "version": CONTRACT,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": STRUCTURED,
        "channels": {topic.name: _channel(topic) for topic in topics.ALL},
        "operations": _operations(),
        "components": {"messages": _messages()},
    }


def _channel(topic: Topic) -> Json:
    names = _names_on(topic.name)
    partitions = {} if topic.partitions is None else {"partitions": topic.partitions}
    spread = "one partition" if topic.partitions == 1 else "BATON_PARTITIONS partitions, all such topics the same"
    return {
        "address": topic.name,
        "description": f"{topic.purpose[0].upper()}{topic.purpose[1:]}. Partitioned by key: {spread}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                **partitions,
                "topicConfiguration": {name: _setting(name, value) for name, value in topic.config().items()},
                "bindingVersion": BINDING,
            }
        },
    }


def _setting(name: str, value: str) -> object:
    if name == "cleanup.policy":
        return value.split(",")
    return int(value) if value.lstrip("-").isdigit() else value


def _names_on(topic: str) -> list[str]:
    """The names of the messages on a topic."""
    if topic in topics.ACCEPTS:
        return [name for kind, name in TYPES.items() if kind in topics.ACCEPTS[topic]]
    if topic in _OPAQUE:
        return [_OPAQUE[topic].name]
    return [name for name, on in SAID_ON.items() if on == topic]


def _operations() -> Json:
    own = {topics.CHANGELOG, topics.TOTALS, topics.AGREEMENTS}
    read = {topic.name for topic in topics.ALL if topic.name in {*topics.INPUTS, *own}}
    written = {topic.name for topic in topics.ALL} - (set(topics.INPUTS) - {topics.ROUTED})
    both = [("receive", name) for name in sorted(read)] + [("send", name) for name in sorted(written)]
    return {f"{action}.{name}": _operation(action, name) for action, name in both}


def _operation(action: str, topic: str) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in _names_on(topic)],
    }


def _messages() -> Json:
    known = event_models()
    events: Json = {name: _event(name, known) for name in (*TYPES.values(), *SAID_ON)}
    return events | {record.name: _record(record) for record in _OPAQUE.values()}


def _event(name: str, known: dict[str, type]) -> Json:
    """A type of event; one whose model is still to come has no payload."""
    payload: Json = {"payload": {"$ref": f"./{name}.json"}} if name in known else {}
    summary = (known[name].__doc__ or name).splitlines()[0] if name in known else "To come."
    headers = {"content-type": {"type": "string", "const": STRUCTURED}}
    return {
        "name": name,
        "title": name,
        "summary": summary,
        "contentType": STRUCTURED,
        "headers": {"type": "object", "properties": headers},
        **payload,
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": BINDING}},
    }


def _record(record: _Opaque) -> Json:
    headers = {name: {"type": "string", "description": meaning} for name, meaning in record.headers.items()}
    told: Json = {"headers": {"type": "object", "properties": headers, "required": list(headers)}} if headers else {}
    return {
        "name": record.name,
        "title": record.name,
        "summary": record.summary,
        "contentType": record.content_type,
        **told,
        "bindings": {"kafka": {"key": {"type": "string", "description": record.key}, "bindingVersion": BINDING}},
    }
