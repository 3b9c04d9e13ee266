"""Documents for properties: events of the contract, and such that are nearly events."""

import json
from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from schemas.events import LARGEST_WHOLE
from schemas.text import CURRENCIES

PRINTABLE = st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"])
IDS = st.text(PRINTABLE, min_size=1, max_size=128)
TEXTS = st.text(PRINTABLE | st.just(" "), min_size=1, max_size=256)
SLUGS = st.from_regex(r"[a-z0-9]{1,8}([_.-][a-z0-9]{1,8}){0,3}", fullmatch=True)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
AMOUNTS = st.from_regex(r"[0-9]{1,15}(\.[0-9]{1,4})?", fullmatch=True)
WHOLE = st.integers(-LARGEST_WHOLE, LARGEST_WHOLE)
FRACTIONS = st.floats(allow_nan=False, allow_infinity=False)
OFFSETS = st.integers(-23 * 60, 23 * 60)


@st.composite
def times(draw):
    """RFC 3339, at any offset, with up to nine digits of a second, in the years 2000 to 2099."""
    first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
    moment = draw(
        st.datetimes(first.replace(tzinfo=None), last.replace(tzinfo=None, second=58), timezones=st.just(UTC))
    )
    offset = draw(OFFSETS)
    local = (moment + timedelta(minutes=offset)).replace(tzinfo=None)
    digits = draw(st.just("") | st.text("0123456789", min_size=1, max_size=9).map(".".__add__))
    sign = "-" if offset < 0 else "+"
    ending = draw(st.just(f"{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}")) if offset else "Z"
    return local.isoformat(timespec="seconds") + digits + ending


PROFILES = st.dictionaries(
    IDS, ANY_TEXT | WHOLE | FRACTIONS | st.booleans() | st.none() | st.lists(ANY_TEXT, max_size=5), max_size=6
)


def _data(required, **optional):
    return st.fixed_dictionaries(required, optional={name: st.none() | values for name, values in optional.items()})


@st.composite
def _spend(draw):
    days = st.dates(date(2000, 1, 1), date(2100, 12, 31))
    begin, end = sorted(draw(st.tuples(days, days).filter(lambda pair: pair[0] != pair[1])))
    data = draw(
        _data({"channel": TEXTS, "amount": AMOUNTS, "currency": st.sampled_from(sorted(CURRENCIES))}, campaign=TEXTS)
    )
    return data | {"from": begin.isoformat(), "to": end.isoformat()}


@st.composite
def _deal(draw):
    money = draw(
        st.just({}) | st.fixed_dictionaries({"amount": AMOUNTS, "currency": st.sampled_from(sorted(CURRENCIES))})
    )
    more = {"owner": IDS, "account": TEXTS, "reason": TEXTS, "kind": SLUGS}
    return draw(_data({"deal_id": IDS, "stage": SLUGS}, **more)) | money


DATA = {
    "baton.touchpoint.v1": _data(
        {"kind": SLUGS, "party": SLUGS},
        channel=TEXTS,
        campaign=TEXTS,
        asset=TEXTS,
        rep=IDS,
        outcome=TEXTS,
        url=ANY_TEXT,
        duration_s=st.floats(0, allow_infinity=False) | st.integers(0, 10**6),
        automated=st.booleans(),
        recorded_at=times(),
    ),
    "baton.lead.v1": _data({"status": st.none() | SLUGS}, reason=TEXTS, owner=IDS, account=TEXTS, profile=PROFILES),
    "baton.deal.v1": _deal(),
    "baton.spend.v1": _spend(),
}


@st.composite
def documents(draw):
    """An event of the contract, structured."""
    kind = draw(st.sampled_from(sorted(DATA)))
    document = draw(
        st.fixed_dictionaries(
            {"specversion": st.just("1.0"), "id": IDS, "source": IDS, "subject": IDS, "time": times()},
            optional={"sequence": st.none() | IDS},
        )
    )
    return document | {"type": kind, "data": draw(DATA[kind])}


ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([LARGEST_WHOLE + 1, -LARGEST_WHOLE - 1, 10**18, 10**400, 0.5, 1e308, -0.0, "", " ", "\n", "1.0"])
    | st.sampled_from(["2026-01-31T09:30", "2026-01-31T09:30:00", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z"])
    | st.sampled_from(
        ["2026-W01-1", "mql\n", "MQL", "x" * 65, "x" * 129, "x" * 257, "x" * 4097, "-1", "1.", "1e3", "BRX"]
    )
    | ANY_TEXT
    | st.lists(ANY_TEXT | st.integers(), max_size=3)
    | st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2)
)


@st.composite
def mutated(draw, document):
    """A document with some of its values changed, taken away, or added to; or as it was."""
    document = document | {"data": dict(document["data"])}
    for _ in range(draw(st.integers(0, 3))):
        part = document if draw(st.booleans()) or not isinstance(document.get("data"), dict) else document["data"]
        name = draw(st.sampled_from(sorted(part)) if part else st.just("x"))
        how = draw(st.sampled_from(["change", "drop", "add", "deepen"]))
        if how == "change":
            part[name] = draw(ODD)
        elif how == "drop":
            part.pop(name, None)
        elif how == "add":
            part[draw(st.sampled_from(["profile", "amount", "currency", "recorded_at", "sequence", "extra"]))] = draw(
                ODD
            )
        elif isinstance(part.get("profile"), dict):
            part["profile"] = part["profile"] | {draw(IDS | ANY_TEXT): draw(ODD)}
    return document


@st.composite
def texts_of_json(draw):
    """JSON as text, whose names may come twice and in any order."""
    document = draw(documents().flatmap(mutated))
    pairs = [(name, json.dumps(value)) for name, value in document.items()]
    pairs += draw(st.lists(st.tuples(st.sampled_from(["id", "type", "data", "time"]), ODD.map(json.dumps)), max_size=2))
    members = [f"{json.dumps(name)}:{text}" for name, text in draw(st.permutations(pairs))]
    return ("{" + ",".join(members) + "}").encode()
