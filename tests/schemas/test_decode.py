"""What is an event and what is none (§2): examples of both, two content modes, and a decoder that never breaks."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import compact, decode
from schemas.decode import Unreadable
from tests.schemas.documents import documents, mutated, texts_of_json

EXAMPLES = Path(__file__).parent / "examples"
GOOD = sorted((EXAMPLES / "good").glob("*.json"))
BAD = sorted((EXAMPLES / "bad").glob("*.json"))
ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time")


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def encode(event):
    return json.dumps(event, ensure_ascii=False).encode()


def lead(**more):
    return load(EXAMPLES / "good" / "lead-status.json")["event"] | more


def binary(event):
    """The event in the binary content mode: its data, and its attributes as headers."""
    headers = [(f"ce_{name}", str(value).encode()) for name, value in event.items() if name != "data" and value]
    return encode(event["data"]), [*headers, ("content-type", b"application/json")]


def outcome(read, *given):
    """What a way to read gives, or the reason and detail for which it refuses; anything else is an error."""
    try:
        return read(*given)
    except Unreadable as finding:
        return finding.reason, finding.detail


def refusal(value, headers=()):
    with pytest.raises(Unreadable) as raised:
        decode.decode(value, headers)
    return raised.value


# Examples.


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_example_is_read_as_it_says(path):
    """Each good example is read into exactly what stands beside it, with its unknown fields named."""
    told = load(path)
    subject, event, unknown = decode.decode(encode(told["event"]))
    assert compact.document(subject, event) == told["read"]
    assert list(unknown) == told["unknown"]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_example_is_the_same_event_in_binary_mode(path):
    """The content mode makes no difference to what an event is."""
    event = load(path)["event"]
    assert decode.decode(*binary(event)) == decode.decode(encode(event))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_example_is_refused_for_what_it_says(path):
    """Each bad example is refused with its reason, and a detail that begins with the field at fault."""
    told = load(path)
    finding = refusal(encode(told["event"]))
    assert finding.reason == told["reason"]
    assert (finding.detail + " ").startswith((told["detail"] + ":", told["detail"] + " "))


@pytest.mark.parametrize("path", [*GOOD, *BAD], ids=lambda path: path.stem)
def test_the_faster_way_and_the_models_agree_on_every_example(path):
    """Which of the two ways reads an event can be seen in nothing but the time it takes."""
    value = encode(load(path)["event"])
    assert outcome(decode.decode, value) == outcome(decode._read_whole, value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no_value"),
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"id": "\xe9"}', "not_utf8"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b'{"id": NaN}', "not_json"),
        (b'{"id": "\\ud800"}', "not_json"),
        (b"{} {}", "not_json"),
        (b"[]", "not_an_event"),
        (b"null", "not_an_event"),
        (b'"' + b"x" * 1_000 + b'"', "not_an_event"),
        (b"{}", "missing_field"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "too_deep"),
        (b"1" * 5_000, "not_json"),
    ],
)
def test_bytes_that_are_no_event_are_refused_with_a_reason(value, reason):
    """Whatever is on a topic has a reason to be counted by, and a detail that fits a header."""
    finding = refusal(value)
    assert finding.reason == reason
    assert 0 < len(finding.detail) < 500


def test_depth_counts_brackets_and_no_text():
    """An unknown field may nest a hundred deep, and text full of brackets is no depth at all."""
    deep = b'"u":' + b"[" * 90 + b"]" * 90
    flat = b'"u":"' + b'\\"[{' * 500 + b'"'
    for field in (deep, flat):
        value = encode(lead()).replace(b'"status"', field + b', "status"')
        assert decode.decode(value)[2] == ("u",)


def test_of_a_name_that_is_written_twice_the_last_counts():
    """Both ways to read take the last of two equal names, as JSON readers do."""
    value = encode(lead()).removesuffix(b"}") + b', "id": "second", "type": "baton.lead.v1"}'
    assert decode.decode(value)[1].id == "second"
    other = encode(lead()).removesuffix(b"}") + b', "type": "baton.deal.v1"}'
    assert outcome(decode.decode, other) == outcome(decode._read_whole, other)


def test_a_refused_profile_value_is_told_what_may_stand_there():
    """The detail says what a profile value can be, instead of what one of several types would need."""
    value = encode(lead(data={"status": "mql", "profile": {"address": {"city": "Recife"}}}))
    assert "text, a number, true or false, a list of text" in refusal(value).detail


@pytest.mark.parametrize("read", [decode.decode, decode._read_whole])
@pytest.mark.parametrize("time", ["2026-01-31T12:30:00+0300", "2026-01-31T12:30:00+0000", "2026-01-31T12:30:00.5-0230"])
def test_an_offset_has_its_colon(read, time):
    """RFC 3339 writes +03:00: a time that others could not read is refused, in `time` and in `recorded_at`."""
    assert outcome(read, encode(lead() | {"time": time}))[0] == "invalid_field"
    data = {"kind": "call", "party": "sales", "recorded_at": time}
    assert outcome(read, encode(lead() | {"type": "baton.touchpoint.v1", "data": data}))[0] == "invalid_field"


@pytest.mark.parametrize("read", [decode.decode, decode._read_whole])
def test_a_whole_number_is_one_however_it_is_written(read):
    """§4.2: 70 and 70.0 are one number in canonical JSON, and so one content."""
    one, other = (encode(lead(data={"status": None, "profile": {"score": score}})) for score in (70, 70.0))
    assert one != other
    assert compact.content(read(one)[1]) == compact.content(read(other)[1])


# The binary mode.


BINARY = binary({**load(EXAMPLES / "good" / "lead-status.json")["event"]})


@pytest.mark.parametrize("missing", ATTRIBUTES)
def test_a_missing_header_is_named(missing):
    """In the binary mode the header of a missing attribute is named as it is written."""
    value, headers = BINARY
    finding = refusal(value, [header for header in headers if header[0] != f"ce_{missing}"])
    assert (finding.reason, f"ce_{missing}" in finding.detail) == ("missing_header", True)


@pytest.mark.parametrize(
    "value",
    [
        b'{"status": "mql"}, "id": "forged"',
        b'{"status": "mql"}, "subject": "somebody-else"',
        b'{"status": "mql"}}',
        b'{"status": "mql"} {}',
        b'{"status": "mql"} //',
    ],
)
def test_data_cannot_reach_beyond_itself(value):
    """In the binary mode the value is data and nothing else: it cannot overwrite an attribute."""
    assert refusal(value, BINARY[1]).reason == "not_json"


def test_header_names_are_read_in_any_case():
    """`CE_Id` is `ce_id`, as some clients write it."""
    value, headers = BINARY
    assert decode.decode(value, [(name.upper(), content) for name, content in headers]) == decode.decode(*BINARY)


def test_a_header_that_is_no_text_is_refused():
    """Attributes are UTF-8."""
    value, headers = BINARY
    assert refusal(value, [*headers, ("ce_id", b"\xff")]).reason == "not_utf8"


def test_without_data_there_is_no_event():
    """An empty value in the binary mode lacks its data."""
    assert refusal(b"", BINARY[1]).reason == "missing_field"


def test_the_structured_mode_is_known_by_its_content_type():
    """With CloudEvents' own content type the value is the event, and `ce_` headers beside it mean nothing."""
    headers = [("Content-Type", b"Application/CloudEvents+JSON; charset=UTF-8"), ("ce_id", b"other")]
    assert decode.decode(encode(lead()), headers)[1].id == lead()["id"]


@pytest.mark.parametrize("content_type", [b"application/cloudevents+avro", b"application/cloudevents-batch+json"])
def test_other_forms_of_cloudevents_are_refused(content_type):
    """Avro and batches are not read, and it is said so."""
    assert refusal(encode(lead()), [("content-type", content_type)]).reason == "unknown_format"


# Laws.


@settings(max_examples=400)
@given(documents())
def test_every_event_of_the_contract_is_read(document):
    """Whatever the contract allows is an event: its subject, its time and its fields come out as they went in."""
    subject, event, unknown = decode.decode(encode(document))
    given_data = {name: value for name, value in document["data"].items() if value is not None or name == "status"}
    read = compact.document(subject, event)
    assert (subject, unknown, read["type"]) == (document["subject"], (), document["type"])
    assert {name: read["data"][name] for name in read["data"] if name != "recorded_at"} == {
        name: value for name, value in given_data.items() if name != "recorded_at"
    }
    assert decode.decode(msgspec.json.encode(read)) == (subject, event, ())


@settings(max_examples=600)
@given(documents().flatmap(mutated))
def test_the_faster_way_and_the_models_agree(document):
    """On any document, valid or nearly so, both ways give the same event, or the same reason and detail."""
    value = encode(document)
    assert outcome(decode.decode, value) == outcome(decode._read_whole, value)


@settings(max_examples=300)
@given(texts_of_json())
def test_the_faster_way_and_the_models_agree_on_any_json(value):
    """Also where names come twice, in any order and with any number, as no encoder would write it."""
    assert outcome(decode.decode, value) == outcome(decode._read_whole, value)


HEADERS = st.lists(
    st.tuples(
        st.sampled_from([*(f"ce_{name}" for name in ATTRIBUTES), "ce_data", "content-type", "x"]) | st.text(max_size=5),
        st.none()
        | st.binary(max_size=20)
        | st.sampled_from([b"1.0", b"baton.lead.v1", b"2026-01-31T12:30:00Z", b"application/cloudevents+json"]),
    ),
    max_size=9,
)


@settings(max_examples=600)
@given(st.none() | st.binary(max_size=60) | texts_of_json(), HEADERS)
@example(b'{"a":' * 990 + b"1" + b"}" * 990, [])
def test_nothing_but_unreadable_is_ever_raised(value, headers):
    """Whatever bytes and headers are on a topic: an event, or a reason."""
    found = outcome(decode.decode, value, headers)
    assert len(found) in {2, 3}


@given(documents(), st.text(max_size=20), st.integers())
def test_what_the_contract_does_not_know_changes_no_content(document, name, value):
    """An unknown field, an extension and the order of names are no part of what an event says (§4.2)."""
    plain = decode.decode(encode(document))[1]
    more = {"x" + name: value, **document, "data": dict(reversed(document["data"].items())) | {"x" + name: value}}
    _, event, unknown = decode.decode(encode(more))
    assert unknown == ("x" + name,)
    assert compact.content(event) == compact.content(plain)


def test_texts_that_recur_are_kept_once():
    """A backlog in memory has each source, status and owner once, however many events name it."""
    first, second = (decode.decode(encode(lead(id=ident)))[1] for ident in ("first", "second"))
    assert isinstance(first, compact.Lead)
    assert isinstance(second, compact.Lead)
    assert first.status
    assert all(getattr(first, name) is getattr(second, name) for name in ("source", "status", "owner"))
