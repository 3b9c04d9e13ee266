"""The promises that are judged by period (DESIGN §5.11, §6 on `promises.json`) once more, as they stand on the page.

Slow and plain: it reads agreements as they are written, and looks through all events of all leads for each figure
anew. It shares no code with `streams`; what moves a lead it takes from the rulebook. It knows no calendar: always open.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

from schemas.compact import Deal, Lead, Spend, Touch, micros, moment, order_key
from tests.streams.rulebook import Rulebook, last, meets_all

TYPE = {Touch: "touchpoint", Lead: "lead", Deal: "deal", Spend: "spend"}
DAY, STEP = timedelta(days=1), timedelta(minutes=15)


class Seen:
    """An event, and all that could be known of its lead then."""

    def __init__(self, book, event):
        before, had_said = book.seen, len(book.said)
        book.read(event)
        self.event, self.time = event, event.time
        self.facts = book.said[had_said:]
        self.profile, self.deals = book.profile(), book.deals()
        has_person = book.people.get(last(before, "owner"), False)
        self.taken = isinstance(event, Lead) and book.people.get(event.owner, False) and not has_person


def expected(agreements, leads, as_of):
    """The rows that must come out, as the JSON has them."""
    laws = sorted(agreements, key=lambda one: datetime.fromisoformat(one["effective"]))
    all_seen = []
    for events in leads:
        book = Rulebook(agreements)
        all_seen.append([Seen(book, event) for event in sorted(events, key=order_key)])
    times = [seen.time for one in all_seen for seen in one]
    rows = []
    for per in ("week", "month", "quarter") if times else ():
        for day in first_days(per, min(times), as_of):
            law, begin, end = judge(laws, per, day)
            if begin <= as_of and min(times) < end:
                rows += [
                    row(promise, (per, day, begin, end), all_seen, as_of)
                    for promise in law["clauses"] + law["goals"]
                    if promise["per"] == per
                ]
    return sorted(rows, key=lambda one: (one["id"], one["from"], one["to"]))


def row(promise, period, all_seen, as_of):
    per, day, begin, end = period
    is_goal = "metric" in promise
    kind = "goal" if is_goal else promise["kind"]
    numerator, denominator = FIGURES[promise["metric"] if is_goal else kind](promise, begin, end, all_seen)
    target = promise["target"] if is_goal else promise["at_least"]
    goes_on, has_any = as_of < end, denominator is None or denominator > 0
    reached = Fraction(numerator) / (denominator or 1)
    settled = end + timedelta(days=int(promise.get("settles", "30d")[:-1])) // timedelta(microseconds=1)
    pace = Fraction(str(target))
    if kind in ("volume", "goal") and promise.get("metric") != "pipeline":
        pace *= Fraction(as_of - begin, end - begin)
    money = promise.get("metric") in ("revenue", "pipeline")
    return {
        "id": promise["id"],
        "kind": kind,
        "owed_by": promise.get("owed_by"),
        "period": named(per, day),
        "from": moment(begin).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "to": moment(end).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "numerator": as_money(numerator) if money else numerator,
        "denominator": denominator,
        "target": target,
        "kept": None if goes_on or not has_any else reached >= Fraction(str(target)),
        "provisional": kind == "ratio" and promise.get("basis", "cohort") == "cohort" and as_of < settled,
        "pace": None if not goes_on else as_money(pace) if money else float(pace),
    }


def as_money(amount):
    """At least two places, at most four."""
    text = f"{Decimal(round(amount * 10_000)) / 10_000:.4f}"
    while text[-1] == "0" and text[-3] != ".":
        text = text[:-1]
    return text


# Periods.


def first_days(per, first, as_of):
    """The first days of all periods about these times."""
    day, until = moment(first).date() - 100 * DAY, moment(as_of).date() + 2 * DAY
    days = [day + number * DAY for number in range((until - day).days + 1)]
    return [day for day in days if is_first(per, day)]


def is_first(per, day):
    if per == "week":
        return day.isoweekday() == 1
    return day.day == 1 and (per == "month" or day.month in (1, 4, 7, 10))


def named(per, day):
    quarters = {1: "Q1", 4: "Q2", 7: "Q3", 10: "Q4"}
    if per == "week":
        return day.strftime("%G-W%V")
    return day.strftime("%Y-%m") if per == "month" else f"{day.year}-{quarters[day.month]}"


def judge(laws, per, day):
    """The version in force at the period's start in its own zone, with the start and the end; else the first."""
    after = next(day + number * DAY for number in range(1, 100) if is_first(per, day + number * DAY))
    judged = None
    for law in laws:
        begin = midnight(day, law["timezone"])
        if judged is None or micros(datetime.fromisoformat(law["effective"])) <= begin:
            judged = law, begin, midnight(after, law["timezone"])
    return judged


@cache
def midnight(day: date, zone: str) -> int:
    """The first quarter of an hour that is on that local day or later."""
    instant = datetime(day.year, day.month, day.day, tzinfo=UTC) - 16 * 4 * STEP
    while instant.astimezone(ZoneInfo(zone)).date() < day:
        instant += STEP
    return micros(instant)


# Figures.


def of_volume(promise, begin, end, all_seen):
    moves = [one for one in as_list(promise["counts"]) if "type" not in one and "owner" not in one]
    others = [one for one in as_list(promise["counts"]) if one not in moves]
    count = 0
    for lead in all_seen:
        first = first_of(moves, lead)
        count += sum(begin <= seen.time < end and (seen is first or is_any(others, seen)) for seen in lead)
    return count, None


def of_ratio(promise, begin, end, all_seen):
    among = [first_of(promise["among"], lead) for lead in all_seen]
    of = [first_of(promise["of"], lead) for lead in all_seen]
    inside = [seen is not None and begin <= seen.time < end for seen in among]
    if promise.get("basis") == "snapshot":
        return sum(seen is not None and begin <= seen.time < end for seen in of), sum(inside)
    return sum(is_in and later is not None for is_in, later in zip(inside, of, strict=True)), sum(inside)


def of_completeness(promise, begin, end, all_seen):
    among = [first_of(promise["among"], lead) for lead in all_seen]
    inside = [seen for seen in among if seen is not None and begin <= seen.time < end]
    return sum(set(promise["fields"]) <= seen.profile.keys() for seen in inside), len(inside)


def of_revenue(promise, begin, end, all_seen):
    total = Decimal(0)
    for deal in won_between(begin, end, all_seen):
        sign = {"new": 1, "renewal": 1, "expansion": 1, "refund": -1}.get(deal["kind"], 0)
        if deal["amount"] is not None and deal["currency"] == promise["currency"]:
            total += sign * Decimal(deal["amount"])
    return total, None


def of_won(_promise, begin, end, all_seen):
    return sum(deal["kind"] == "new" for deal in won_between(begin, end, all_seen)), None


def of_entries(promise, begin, end, all_seen):
    return of_volume({"counts": {"stage": promise["stage"]}}, begin, end, all_seen)


def of_pipeline(promise, _begin, end, all_seen):
    total = Decimal(0)
    for lead in all_seen:
        until = [seen for seen in lead if seen.time < end]
        for deal in until[-1].deals.values() if until else ():
            is_open = deal["kind"] == "new" and deal["stage"] not in ("won", "lost")
            if is_open and deal["amount"] is not None and deal["currency"] == promise["currency"]:
                total += Decimal(deal["amount"])
    return total, None


FIGURES = {
    "volume": of_volume,
    "ratio": of_ratio,
    "completeness": of_completeness,
    "revenue": of_revenue,
    "won": of_won,
    "entries": of_entries,
    "pipeline": of_pipeline,
}


def won_between(begin, end, all_seen):
    """The deals that are won, as they stand, which were not before an event in between."""
    for lead in all_seen:
        for deal_id, deal in (lead[-1].deals if lead else {}).items():
            is_won = [seen.deals.get(deal_id, {}).get("stage") == "won" for seen in lead]
            if is_won[-1]:
                became = max(place for place in range(len(lead)) if is_won[place] and not (place and is_won[place - 1]))
                if begin <= lead[became].time < end:
                    yield deal


def first_of(matchers, lead):
    return next((seen for seen in lead if is_any(matchers, seen)), None)


def is_any(matchers, seen):
    return any(is_meant(matcher, seen) for matcher in as_list(matchers))


def is_meant(matcher, seen):
    if "type" not in matcher:
        (key, name) = next(iter(matcher.items()))
        if key == "owner":
            return seen.taken
        entered = [stage for fact, _number, stage, *_ in seen.facts if fact == "entered"]
        exits = [way_out for _fact, _number, _stage, _at, _source, _id, _other, way_out, *_ in seen.facts]
        return name in (entered if key == "stage" else exits)
    if matcher["type"] != TYPE[type(seen.event)]:
        return False
    values = {name: getattr(seen.event, name) for name in seen.event.__struct_fields__}
    if matcher["type"] == "deal":
        values = seen.deals[seen.event.deal_id]
        if "kind" not in matcher and values["kind"] != "new":
            return False
    if values.get("automated") and "automated" not in matcher:
        return False
    conditions = {name: condition for name, condition in matcher.items() if name not in ("type", "profile")}
    return meets_all(conditions, values) and meets_all(matcher.get("profile", {}), seen.profile)


def as_list(value):
    return value if isinstance(value, list) else [value]
