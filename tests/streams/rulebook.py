"""The rules of "Moving through the funnel" (DESIGN §5) once more, as they stand on the page.

Slow and plain: it reads agreements as they are written, looks at all that was said up to each event anew, and shares
no code with `streams`. The folds must come to the same.
"""

from datetime import datetime
from decimal import Decimal

from schemas.compact import Deal, Lead, Spend, Touch, micros

TYPE = {Touch: "touchpoint", Lead: "lead", Deal: "deal"}
MOVING = ("new", "renewal", "expansion")
OPTIONAL = ("kind", "amount", "owner", "account")


class Rulebook:
    """One lead, by the versions of an agreement. `said` has the facts as tuples, in order."""

    def __init__(self, agreements):
        self.laws = sorted((micros(datetime.fromisoformat(one["effective"])), one) for one in agreements)
        self.seen = []
        self.stage = self.exit = self.exit_reason = self.highest = self.waiting = None
        self.since = 0
        self.entries, self.entered, self.exits, self.said = {}, {}, {}, []

    def read(self, event):
        law = [one for start, one in self.laws if start <= event.time] or [self.laws[0][1]]
        self.stages, self.ways_out = law[-1]["funnel"]["stages"], law[-1]["funnel"]["exits"]
        self.people = {person["id"]: not person.get("queue", False) for person in law[-1]["people"]}
        before, self.seen = self.seen, [*self.seen, event]
        if isinstance(event, Spend) or (isinstance(event, Deal) and self.deals()[event.deal_id]["kind"] not in MOVING):
            return
        waited = self.waiting
        if isinstance(event, Lead) and event.status not in (None, last(before, "status")):
            self.waiting = None
        for way_out in self.ways_out:
            if self.matches(way_out["on"], event, before, way_out=True):
                if self.exit is None:
                    self.go_out(way_out["id"], event)
                return
        if not (isinstance(event, Deal) and self.exit and self.deals()[event.deal_id]["stage"] == "lost"):
            self.move(self.candidates(event, before, waited), event)

    def candidates(self, event, before, waited):
        """Every stage that the event matches, or completes, and may lead to."""
        here = self.place(self.stage)
        for place, stage in enumerate(self.stages):
            completed = isinstance(event, Lead) and stage["id"] == waited and self.holds(stage)
            if completed or self.matches(stage["enters"], event, before):
                if isinstance(event, Touch) and not (stage.get("reenters") if self.exit else place > here):
                    continue
                yield place

    def move(self, places, event):
        here, waits = self.place(self.stage), False
        for place in sorted(places, reverse=True):
            if self.exit is None and place <= here and (place == here or waits or not self.may_go_back(event)):
                return
            if self.holds(self.stages[place]):
                self.enter(place, event)
                return
            waits = True
            if place > self.place(self.waiting):
                self.waiting = self.stages[place]["id"]

    def may_go_back(self, event):
        is_held = any(deal["kind"] == "new" and deal["stage"] not in ("won", "lost") for deal in self.deals().values())
        return isinstance(event, Deal) or (isinstance(event, Lead) and not is_held)

    def enter(self, place, event):
        stage, before = self.stages[place]["id"], None if self.exit else self.stage
        if before is not None:
            self.say("left", self.entries[before], before, event, other=stage, since=self.since)
        self.entries[stage] = self.entries.get(stage, 0) + 1
        self.say("entered", self.entries[stage], stage, event, other=before)
        self.entered.setdefault(stage, event.time)
        self.highest = self.highest if self.place(self.highest) >= place else stage
        self.waiting = self.waiting if self.place(self.waiting) > place else None
        self.stage, self.since, self.exit, self.exit_reason = stage, event.time, None, None

    def go_out(self, way_out, event):
        reason = getattr(event, "reason", None)
        since = None if self.stage is None else self.since
        stage = self.stage or "(none)"
        self.say("left", self.entries.get(stage, 1), stage, event, exit=way_out, reason=reason, since=since)
        self.exit, self.exit_reason, self.waiting = way_out, reason, None
        told = self.exits.setdefault(way_out, {})
        told[reason or ""] = told.get(reason or "", 0) + 1

    def say(self, name, number, stage, event, other=None, exit=None, reason=None, since=None):  # noqa: A002  its name in a fact
        self.said.append((name, number, stage, event.time, event.source, event.id, other, exit, reason, since))

    def place(self, stage):
        return next((place for place, one in enumerate(self.stages) if one["id"] == stage), -1)

    def holds(self, stage):
        needs = stage.get("requires", {"profile": {}})
        return any(meets_all(one["profile"], self.profile()) for one in (needs if isinstance(needs, list) else [needs]))

    # What stands, looked up anew in all that was said.

    def profile(self):
        profile = {}
        for event in self.seen:
            profile |= (event.profile or {}) if isinstance(event, Lead) else {}
        return {name: value for name, value in profile.items() if value is not None}

    def deals(self):
        deals = {}
        for event in self.seen:
            if isinstance(event, Deal):
                deal = deals.setdefault(event.deal_id, dict.fromkeys((*OPTIONAL, "currency")) | {"kind": "new"})
                said = {name: value for name in OPTIONAL if (value := getattr(event, name)) is not None}
                is_repeated = event.reason is None and deal.get("stage") == event.stage
                reason = deal["reason"] if is_repeated else event.reason
                currency = event.currency if "amount" in said else deal["currency"]
                deal |= said | {"deal_id": event.deal_id, "stage": event.stage, "reason": reason, "currency": currency}
        return deals

    # Matchers.

    def matches(self, matchers, event, before, way_out=False):
        for matcher in matchers if isinstance(matchers, list) else [matchers]:
            if "owner" in matcher and "type" not in matcher:
                had = self.people.get(last(before, "owner"), False)
                if isinstance(event, Lead) and self.people.get(event.owner, False) and not had:
                    return True
            elif matcher["type"] == TYPE[type(event)] == "deal":
                if any(self.matches_deal(matcher, deal, way_out) for deal in self.looked_at(event, way_out)):
                    return True
            elif matcher["type"] == TYPE[type(event)]:
                fields = {name: getattr(event, name) for name in event.__struct_fields__}
                if self.matches_fields(matcher, fields):
                    return True
        return False

    def looked_at(self, event, way_out):
        """An exit looks at the event's deal, a stage at all of them: but for the lost ones, of a lead that is out."""
        if way_out:
            return [self.deals()[event.deal_id]]
        return [deal for deal in self.deals().values() if not (self.exit and deal["stage"] == "lost")]

    def matches_deal(self, matcher, deal, way_out):
        if deal["kind"] not in (MOVING if "kind" in matcher else ("new",)):
            return False
        others = [other for other in self.deals().values() if other["deal_id"] != deal["deal_id"]]
        has_another = any(other["kind"] in MOVING and other["stage"] != "lost" for other in others)
        if way_out and deal["stage"] == "lost" and has_another:
            return False
        return self.matches_fields(matcher, deal)

    def matches_fields(self, matcher, fields):
        conditions = {name: condition for name, condition in matcher.items() if name not in ("type", "profile")}
        return meets_all(conditions, fields) and meets_all(matcher.get("profile", {}), self.profile())


def last(events, field):
    """The last value of a field that a lead event gave."""
    return next((value for one in reversed(events) if isinstance(one, Lead) and (value := getattr(one, field))), None)


def meets_all(conditions, values):
    return all(meets(condition, values.get(name)) for name, condition in conditions.items())


def meets(condition, value):
    if not isinstance(condition, dict):
        allowed = condition if isinstance(condition, list) else [condition]
        return any(one == item and type(one) is type(item) for one in allowed for item in as_list(value))
    if "not" in condition and meets(condition["not"], value):
        return False
    if condition.get("known", value is not None) is not (value is not None):
        return False
    bounds = condition.keys() & {"at_least", "at_most"}
    if bounds and (value is None or isinstance(value, bool | list)):
        return False
    return all((Decimal(value) - condition[bound]) * (1 if bound == "at_least" else -1) >= 0 for bound in bounds)


def as_list(value):
    return value if isinstance(value, list) else [value]
