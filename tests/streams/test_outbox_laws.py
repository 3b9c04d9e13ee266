"""Laws of what is told, for any facts in any order, any course of time, targets that fail, and agents that die."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.notices import Notice, Notices
from streams.outbox import Batch, Outbox, Row, encode_row, read_row
from tests.streams.builders import BEGIN, HOUR, time, versions
from tests.streams.notified import DAY_S, fact, section, written

ROUTES = (
    {
        "change": "breached",
        "to": ["owner", "pager"],
        "escalate": [{"after": "1h", "to": "manager"}, {"after": "9h", "to": "alerts", "urgent": True}],
    },
    {"change": ["started", "warned", "met", "cancelled"], "to": "office-mail"},
    {"change": "breached", "clause": "answer", "to": "office-mail"},
    {"change": "warned", "to": "alerts", "urgent": True},
)
RULES = Notices(versions(written(section(*ROUTES, quiet_outside="office", group="5m"))), DAY_S)
OFFICE_DAYS, OPENS, CLOSES = 5, 9, 18


def is_open(instant: int) -> bool:
    # By counting hours since a Monday, not by streams.calendar.
    hours = (instant - BEGIN) / HOUR
    return hours % 168 < OFFICE_DAYS * 24 and OPENS <= hours % 24 < CLOSES


def first_open(instant: int) -> int:
    if is_open(instant):
        return instant
    hour = -((BEGIN - instant) // HOUR) if instant < BEGIN else (instant - BEGIN) // HOUR
    while not is_open(BEGIN + hour * HOUR) or BEGIN + hour * HOUR < instant:
        hour += 1
    return BEGIN + hour * HOUR


def first_closed(instant: int) -> int:
    if not is_open(instant):
        return instant
    hour = (instant - BEGIN) // HOUR
    while is_open(BEGIN + hour * HOUR):
        hour += 1
    return BEGIN + hour * HOUR


def last_chance(notice: Notice) -> int:
    """When it becomes too old to be told: a day after it fell due, and the first quiet hours."""
    closed = first_closed(notice.due)
    quiet = 0 if notice.urgent else first_open(closed) - closed
    return notice.due + quiet + DAY_S * 1_000_000


FACTS = st.tuples(
    st.sampled_from(["started", "warned", "met", "breached", "breached", "cancelled"]),
    st.sampled_from([0.0, 0.0, 0.0, 0.5, 3.0, 30.0, 80.0]),  # hours ago
    st.sampled_from(["l1", "l2"]),
    st.sampled_from(["answer", "decision"]),
    st.sampled_from([1, 1, 2]),  # cycle
    st.integers(1, 4),  # revision
    st.sampled_from([True, True, True, False]),  # holds
    st.sampled_from([False, False, True]),  # answered
)
STEPS = st.lists(
    st.tuples(st.just("fact"), FACTS)
    | st.tuples(st.just("pass"), st.sampled_from([0.01, 0.1, 1.0, 6.0, 20.0]))
    | st.tuples(st.just("restart"), st.booleans())
    | st.tuples(st.just("fail"), st.sampled_from(["pager", "office-mail"])),
    min_size=1,
    max_size=40,
)


@dataclass
class Company:
    """An outbox, the agent around it, what that has kept, and what everybody was told."""

    now: float = 12.0
    kept: dict[str, bytes] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    tried: list[tuple[int, Batch]] = field(default_factory=list)
    sent: list[tuple[int, Notice]] = field(default_factory=list)
    ended: dict[str, Row] = field(default_factory=dict)
    came_true: dict[tuple, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outbox = Outbox(RULES)

    def restart(self, before_it_is_kept: bool) -> None:
        """The agent dies; what was not kept is gone, and its facts come again."""
        if not before_it_is_kept:
            self.keep()
        self.outbox = Outbox(RULES, map(read_row, self.kept.values()))

    def keep(self) -> None:
        for key, row in self.outbox.taken_changes().items():
            if row is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = encode_row(row)
                if row.outcome is not None:
                    self.ended[key] = row

    def tick(self) -> None:
        """One round of the agent: name batches, keep that, send, and keep what came of it."""
        now = time(self.now)
        found = self.outbox.batches(now)
        self.keep()
        for batch in found:
            self.tried.append((now, batch))
            if batch.to not in self.failing:
                self.sent += [(now, notice) for notice in batch.notices]
                self.outbox.end(batch.name, "sent", now)
        self.outbox.sweep(now)
        self.keep()

    def take(self, change, hours_ago, lead, clause, cycle, revision, holds, answered) -> None:
        """A fact comes, or comes again: when it came true is what was said first."""
        more = {"answered_at": self.now} if answered and change == "breached" else {}
        at = self.came_true.setdefault((change, lead, clause, cycle), self.now - hours_ago)
        said = fact(change, at, lead, clause, cycle, revision, holds, **more)
        self.outbox.take(said, time(self.now))
        self.keep()


def live(steps) -> Company:
    company = Company()
    for step, value in steps:
        if step == "fact":
            company.take(*value)
        elif step == "pass":
            company.now += value
        elif step == "fail":
            company.failing ^= {value}  # or is well again
        else:
            company.restart(value)
        company.tick()
    return company


@settings(max_examples=300)
@given(STEPS)
def test_nobody_is_told_the_same_twice(steps):
    """However often a fact is said, the agent starts again, or a target fails first: one message for each key."""
    keys = [notice.key for _, notice in live(steps).sent]
    assert len(keys) == len(set(keys))


@settings(max_examples=300)
@given(STEPS)
def test_nobody_is_disturbed_in_quiet_hours_but_urgently(steps):
    """Outside of office hours only what is urgent is sent, or even tried."""
    for now, batch in live(steps).tried:
        assert batch.urgent or is_open(now)
        assert all(notice.urgent == batch.urgent for notice in batch.notices)


@settings(max_examples=300)
@given(STEPS)
def test_nothing_is_told_that_is_too_old_or_not_due_yet(steps):
    """A message is at most a day late, not counting its first quiet hours, and never early."""
    for now, notice in live(steps).sent:
        assert notice.due <= now
        assert now <= last_chance(notice)


@settings(max_examples=300)
@given(STEPS)
def test_a_batch_is_the_same_whenever_it_is_sent_again(steps):
    """What was tried is tried again whole, also after a new start: the same name and notices, while none is too old."""
    before: dict[str, Batch] = {}
    for now, batch in live(steps).tried:
        for notice in batch.notices:
            tried = before.get(notice.key, batch)
            assert tried == batch or any(now > last_chance(other) for other in tried.notices)
            before[notice.key] = batch


@settings(max_examples=300)
@given(st.lists(st.tuples(st.just("pass"), st.sampled_from([0.01, 0.5, 2.0])), max_size=6), STEPS)
def test_an_escalation_stops_at_the_answer(before, after):
    """Once a breach is known to be answered, no step of its escalation is sent that was not being sent already."""
    company = live([("fact", ("breached", 0.0, "l9", "answer", 1, 1, True, False)), *before])
    tried = {notice.key for _, batch in company.tried for notice in batch.notices}
    company.take("breached", 0.0, "l9", "answer", 1, 2, True, True)
    for step, value in after:
        if step == "pass":
            company.now += value
        elif step == "restart":
            company.restart(value)
        company.tick()
    later = {notice for _, batch in company.tried for notice in batch.notices if notice.key not in tried}
    assert not [notice for notice in later if notice.fact.lead == "l9" and notice.after_s > 0]


@settings(max_examples=300)
@given(STEPS)
def test_whatever_waits_is_told_or_too_old_in_the_end(steps):
    """Nothing is lost: once targets answer, every notice that was kept is sent, overtaken, or too old."""
    company = live(steps)
    waiting = {key for key, row in company.outbox.rows.items() if row.outcome is None}
    company.failing = set()
    for _ in range(60):
        company.now += 3.0
        company.tick()
    assert company.outbox.waiting == 0
    for key in waiting:
        row = company.ended[key]
        assert row.outcome == "sent" or row.ended > last_chance(row.notice)


@settings(max_examples=200)
@given(st.lists(st.sampled_from([0.0, 0.5, 3.0]), min_size=1, max_size=20), st.booleans())
def test_every_fresh_breach_is_told_to_whoever_is_always_there(ages, restarts):
    """Each lead's breach of the last day reaches the pager exactly once, whatever else happens."""
    company = Company(now=24 + 12.0)
    for number, age in enumerate(ages):
        company.take("breached", age, f"lead-{number}", "answer", 1, 1, True, False)
        if restarts:
            company.restart(False)
        company.now += 0.02
        company.tick()
    company.now += 0.2
    company.tick()
    reached = sorted(notice.fact.lead for _, notice in company.sent if notice.to == "pager" and notice.after_s == 0)
    assert reached == sorted(f"lead-{number}" for number in range(len(ages)))
