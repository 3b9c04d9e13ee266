"""The stages and exits that an agreement is refused for are those that the fold never reaches (DESIGN §5, funnel)."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.compact import order_key
from schemas.reachable import reach_problems
from streams.journey import fold
from tests.streams.generated import AGREEMENTS, LEADS_ONLY, MANY_IDS, NO_DEALS, made, written_agreement


def refused(written) -> set[str]:
    """The ids of the stages and exits that nothing reaches."""
    places = [problem["loc"] for problem in reach_problems(written)]
    return {written["funnel"][kind][place]["id"] for _, kind, place, _ in places}


WRITTEN = [written_agreement(seed, 1, -1) for seed in range(AGREEMENTS)]
REFUSED = [written for written in WRITTEN if refused(written)]
LEADS = st.one_of(*(st.lists(st.sampled_from(pool), max_size=25) for pool in (MANY_IDS, NO_DEALS, LEADS_ONLY)))


@given(st.sampled_from(REFUSED), LEADS)
def test_what_is_refused_is_never_reached(written, events):
    """Whatever happens to a lead, it enters no stage, and takes no exit, that is said to be out of reach."""
    _, facts = fold(sorted(events, key=order_key), made([written]))
    reached = {fact.stage for fact in facts if fact.name == "entered"} | {fact.exit for fact in facts}
    assert not reached & refused(written)


def test_some_are_refused_and_most_are_not():
    """The law above is about something, and what is refused is the exception."""
    assert 20 < len(REFUSED) < AGREEMENTS / 2
    kinds = {problem["loc"][1] for written in REFUSED for problem in reach_problems(written)}
    assert kinds == {"stages", "exits"}
