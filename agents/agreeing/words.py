"""What the ids of an agreement are called in a language: those that many companies use, others by their letters."""

import re
from typing import Final, NamedTuple

from agents.language import N_, Language
from schemas.agreement import Agreement
from schemas.text import SLUG_PATTERN

__all__ = ["LEAD", "Words", "capital"]

LEAD: Final = "lead"
"""The party of a touchpoint that the lead itself made."""

_ACRONYMS: Final = frozenset({"ae", "bdr", "cs", "crm", "icp", "mal", "mql", "pql", "sal", "sao", "sdr", "sla", "sql"})
_PERSON: Final = re.compile(r"[^\W\d_]+(?:[ ._-][^\W\d_]+)*")

_WELL_KNOWN: Final = {
    # stages and exits
    "visitor": N_("Visitor"),
    "lead": N_("Lead"),
    "opportunity": N_("Opportunity"),
    "customer": N_("Customer"),
    "rejected": N_("Rejected"),
    "recycled": N_("Recycled"),
    "disqualified": N_("Disqualified"),
    "won": N_("Won"),
    "lost": N_("Lost"),
    # reasons of an exit
    "bad_data": N_("Bad data"),
    "no_fit": N_("No fit"),
    "no_budget": N_("No budget"),
    "no_answer": N_("No answer"),
    "duplicate": N_("Duplicate"),
    "price": N_("Price"),
    "timing": N_("Timing"),
    "competitor": N_("Competitor"),
    # parties and teams
    "marketing": N_("Marketing"),
    "sales": N_("Sales"),
    "partner": N_("Partner"),
    "partners": N_("Partners"),
    "closers": N_("Closers"),
    "new-leads": N_("New leads"),
    # channels
    "organic_search": N_("Organic search"),
    "paid_search": N_("Paid search"),
    "social": N_("Social media"),
    "direct": N_("Direct"),
    "display": N_("Display ads"),
    "referral": N_("Referral"),
    "events": N_("Events"),
    # fields of an event and of a profile
    "email": N_("E-mail"),
    "phone": N_("Phone"),
    "company": N_("Company"),
    "segment": N_("Segment"),
    "score": N_("Score"),
    "country": N_("Country"),
    "employees": N_("Employees"),
    "job_title": N_("Job title"),
    "channel": N_("Channel"),
    "campaign": N_("Campaign"),
    "asset": N_("Asset"),
    "rep": N_("Representative"),
    "outcome": N_("Outcome"),
    "url": N_("Address"),
    "duration_s": N_("Duration in seconds"),
    "recorded_at": N_("Recorded at"),
    "status": N_("Status"),
    "reason": N_("Reason"),
    "owner": N_("Owner"),
    "account": N_("Account"),
    "deal_id": N_("Deal"),
    "stage": N_("Stage"),
    "amount": N_("Amount"),
    "currency": N_("Currency"),
    "kind": N_("Kind"),
    "party": N_("Party"),
    "from": N_("From"),
    "to": N_("To"),
    # calendars, and promises
    "office": N_("Office hours"),
    "mornings": N_("Mornings"),
    "always": N_("Around the clock"),
    "routing": N_("Routing"),
    "first-response": N_("First response"),
    "persistence": N_("Persistence"),
    "decision": N_("Decision"),
    "meeting": N_("Meeting"),
    "win-back": N_("Win back"),
    "volume": N_("Volume"),
    "calls": N_("Calls"),
    "quality": N_("Quality"),
    "completeness": N_("Completeness"),
    "revenue": N_("Revenue"),
    "pipeline": N_("Pipeline"),
}


class Kind(NamedTuple):
    """A kind of touchpoint as a thing and as several."""

    one: str
    many: str


_KINDS: Final = {
    "page_view": Kind(N_("a page view"), N_("page views")),
    "ad_click": Kind(N_("a click on an ad"), N_("clicks on ads")),
    "form_submit": Kind(N_("a form submission"), N_("form submissions")),
    "content_view": Kind(N_("a view of content"), N_("views of content")),
    "email_open": Kind(N_("an e-mail opened"), N_("e-mails opened")),
    "email_click": Kind(N_("a click in an e-mail"), N_("clicks in e-mails")),
    "email_sent": Kind(N_("an e-mail"), N_("e-mails")),
    "webinar": Kind(N_("a webinar"), N_("webinars")),
    "chat": Kind(N_("a chat"), N_("chats")),
    "call": Kind(N_("a call"), N_("calls")),
    "whatsapp": Kind(N_("a WhatsApp message"), N_("WhatsApp messages")),
    "meeting": Kind(N_("a meeting"), N_("meetings")),
    "demo": Kind(N_("a demo"), N_("demos")),
    "proposal": Kind(N_("a proposal"), N_("proposals")),
    "asset_sent": Kind(N_("material sent"), N_("pieces of material sent")),
}


class Words:
    """An agreement in a language: what its parts are called."""

    def __init__(self, agreement: Agreement, language: Language) -> None:
        self.agreement = agreement
        self.language = language
        self.queues = frozenset(person.id for person in agreement.people if person.queue)

    def name(self, ident: str) -> str:
        """A stage, exit, party, channel, field, clause …, as a title: MQL, Paid search, First response."""
        if ident in _WELL_KNOWN:
            return self.language.gettext(_WELL_KNOWN[ident])
        if not re.fullmatch(SLUG_PATTERN, ident):
            return capital(ident)  # written for people as it is
        words = re.sub(r"[_.-]+", " ", ident).split(" ")
        spelled = [word.upper() if word.lower() in _ACRONYMS else word for word in words]
        return capital(" ".join(spelled))

    def party(self, ident: str) -> str:
        """A party within a sentence; the lead itself is one too."""
        return self.language.gettext("the lead") if ident == LEAD else self.name(ident)

    def within(self, ident: str) -> str:
        """The name within a sentence, without its capital."""
        name = self.name(ident)
        return name if name[1:2].isupper() else name[:1].lower() + name[1:]

    def person(self, ident: str) -> str:
        """A person by name, where the id is one (`ana`, `maria-souza`), else the id as it stands."""
        if ident in self.queues:
            return self.name(ident)
        if not _PERSON.fullmatch(ident) or not ident.islower():
            return ident
        return " ".join(capital(part) for part in re.split(r"[ ._-]", ident))

    def responsible(self, person: str | None, party: str | None = None) -> str | None:
        """Who answers for a promise: the person whom it names, else the party's."""
        if person is None and party is not None:
            person = self.agreement.parties[party].responsible
        return None if person is None else self.person(person)

    def kind(self, ident: str) -> str:
        """One touchpoint of a kind: a call, an e-mail."""
        if ident in _KINDS:
            return self.language.gettext(_KINDS[ident].one)
        return self.language.gettext("a touchpoint of the kind {kind}", kind=self.language.quoted(ident))

    def kinds(self, ident: str) -> str:
        """Several touchpoints of a kind: calls, e-mails."""
        if ident in _KINDS:
            return self.language.gettext(_KINDS[ident].many)
        return self.language.gettext("touchpoints of the kind {kind}", kind=self.language.quoted(ident))

    def calendar(self, ident: str | None) -> str:
        """A calendar by name; None is the agreement's own, or none at all."""
        ident = ident or self.agreement.calendar
        return self.language.gettext("all hours of all days") if ident is None else self.name(ident)


def capital(text: str) -> str:
    """The text with a capital letter first, the others as they are."""
    return text[:1].upper() + text[1:]
