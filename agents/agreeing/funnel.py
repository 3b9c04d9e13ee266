"""The funnel, the parties and the rest of an agreement's frame, in words (DESIGN §3)."""

from collections.abc import Iterator

from agents.agreeing.entries import Entry, Term
from agents.agreeing.matchers import happenings, profiles
from agents.agreeing.words import Words, capital
from schemas.agreement import Exit, Party, Stage

__all__ = ["exit_entry", "frame_terms", "party_entry", "stage_entry"]


def stage_entry(words: Words, stage: Stage) -> Entry:
    """A stage: what brings a lead in, and what it must have."""
    say, enters = words.language, happenings(words, stage.enters)
    sentence = say.gettext("A lead comes in when {happening}.", happening=enters)
    requires = say.gettext("nothing")
    if stage.requires is not None:
        requires = profiles(words, stage.requires)
    again = say.gettext("any of this brings it in again")
    if not stage.reenters:
        again = say.gettext("a change of its status or of a deal brings it in again, a touchpoint does not")
    terms = (
        Term("enters", say.gettext("A lead comes in when"), enters, shown=False),
        Term("requires", say.gettext("Required"), requires, shown=stage.requires is not None),
        Term("reenters", say.gettext("After it left the funnel"), again, shown=stage.reenters),
    )
    return Entry(stage.id, words.name(stage.id), terms, sentence)


def exit_entry(words: Words, way_out: Exit) -> Entry:
    """An exit: what takes a lead out, and the reasons that are given."""
    say, happening = words.language, happenings(words, way_out.on)
    sentence = say.gettext("A lead leaves when {happening}.", happening=happening)
    reasons = capital(say.all_of(map(words.within, way_out.reasons)))
    terms = (
        Term("on", say.gettext("A lead leaves when"), happening, shown=False),
        Term("reasons", say.gettext("Reasons"), reasons or say.gettext("none"), shown=bool(reasons)),
    )
    return Entry(way_out.id, words.name(way_out.id), terms, sentence)


def party_entry(words: Words, ident: str, party: Party) -> Entry:
    """A party and the person who answers for it."""
    say = words.language
    responsible = say.gettext("nobody is named") if party.responsible is None else words.person(party.responsible)
    return Entry(ident, words.name(ident), (Term("responsible", say.gettext("Answers for it"), responsible),))


def frame_terms(words: Words) -> Iterator[Term]:
    """What holds of the agreement as a whole."""
    say, agreement = words.language, words.agreement
    yield Term("timezone", say.gettext("Weeks, months and quarters follow"), say.zone(agreement.timezone))
    yield Term("calendar", say.gettext("Calendar where none is named"), words.calendar(None))
    late = say.gettext("never")
    if agreement.lateness is not None:
        late = say.gettext(
            "when it is more than {time} older than the lead's newest", time=say.duration(agreement.lateness)
        )
    yield Term("lateness", say.gettext("An event is too late"), late)
