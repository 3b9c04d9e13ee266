"""Notifications on their way: texts, secrets, real receivers, back-off, and the commands."""

import logging
import threading
from io import StringIO

import pytest

from agents.errors import BatonError
from agents.language import language_of
from agents.notifying.deliveries import Backoff, Deliveries
from agents.notifying.post import Post
from agents.notifying.secrets import Secrets
from agents.notifying.sending import Address, Message, NotSent
from agents.notifying.texts import Texts
from agents.settings import Settings
from streams.notices import Notices
from streams.outbox import Batch, Outbox
from tests.engines import wait_until
from tests.streams.builders import time, versions
from tests.streams.notified import DAY_S, fact, section, written

QUICK = Backoff(first_s=0.01, most_s=0.02, give_up_s=30)
SECRET = "T0K3N-that-nobody-may-see"
HELLO = Message("Overdue", "Line one\nLine two, with <angles> & é", "failure", "key-1")


@pytest.fixture
def log():
    """What a program writes into its log: pytest's own capture hears also what is kept from it."""
    written_down = StringIO()
    handler = logging.StreamHandler(written_down)
    logging.getLogger().addHandler(handler)
    yield written_down
    logging.getLogger().removeHandler(handler)


def batch_of(*facts, route=None, now=12.0, **more) -> Batch:
    """The batch that these facts come to."""
    rules = Notices(
        versions(
            written(
                section(route or {"change": sorted({one.change for one in facts}), "to": "alerts"}, **more),
                timezone="America/Sao_Paulo",
            )
        ),
        DAY_S,
    )
    outbox = Outbox(rules)
    for one in facts:
        outbox.take(one, time(now))
    (batch,) = outbox.batches(time(now))
    return batch


def text_of(batch, code="en") -> Message:
    return Texts(
        versions(written(section({"change": "breached", "to": "alerts"}), timezone="America/Sao_Paulo")),
        language_of(code),
    ).message(batch)


# Texts.


def test_a_message_says_which_lead_and_clause_whose_turn_since_and_until_when_and_what_to_do():
    """A rep who reads nothing else knows what to do next."""
    message = text_of(batch_of(fact(at=12, lead="L-42")))
    assert message.title == "Overdue: Answer, lead L-42"
    body = message.body.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "Since Jan 5, 2026, 8:00 AM; due by Jan 5, 2026, 9:00 AM." in body
    assert "Times: Sao Paulo time." in body
    assert "It is the turn of Carla, for Sales." in body
    assert "It counts as answered when there is a call" in body
    assert message.kind == "failure"


def test_the_reference_of_a_message_is_the_beginning_of_its_key():
    """Who gets a message twice can see that it is the same."""
    batch = batch_of(fact(at=12))
    message = text_of(batch)
    assert message.key == batch.name
    assert message.body.endswith(f"Ref. {batch.name[:8]}")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (fact("started", at=12), ["New: ", "The time for it has begun"]),
        (fact("warned", at=12, place=0, fraction=0.8), ["Soon due: ", "80% of the time is gone"]),
        (
            fact("met", at=12, answered_by="carla", elapsed_s=7500.0),
            ["Answered in time: ", "2 hours and 5 minutes", "Answered by Carla"],
        ),
        (fact("cancelled", at=12), ["No longer needed: "]),
        (fact(at=10, answered_at=12, revision=2), ["Overdue: ", "It was answered late"]),
        (fact(at=12, owner=None), ["Overdue: ", "nobody owns the lead yet"]),
        (fact(at=12, owner="new-leads"), ["Overdue: ", "nobody owns the lead yet"]),
    ],
    ids=lambda value: value.kind if hasattr(value, "kind") else "",
)
def test_every_change_has_its_own_words(said, words):
    """What became of a clock is told in words of its own."""
    message = text_of(batch_of(said))
    for word in words:
        assert word in f"{message.title}\n{message.body}"


def test_an_escalation_says_for_how_long_there_was_no_answer_and_why_you_are_told():
    """A manager sees at once that it is the second message, and whose manager is meant."""
    route = {"change": "breached", "to": "pager", "escalate": [{"after": "1h", "to": "manager"}]}
    rules = Notices(versions(written(section(route))), DAY_S)
    outbox = Outbox(rules)
    outbox.take(fact(at=8), time(8))
    outbox.batches(time(8))
    (batch,) = outbox.batches(time(9), busy=["pager"])
    message = text_of(batch)
    assert message.title == "Unanswered for 1 hour: Answer, lead l1"
    assert "You are told as the manager of the lead's owner." in message.body


def test_many_are_one_message_that_counts_them_and_spells_out_the_first():
    """Thirty breaches are one message with a number, not thirty messages."""
    facts = [fact(at=10 + number / 60, lead=f"lead-{number:02}") for number in range(30)]
    message = text_of(batch_of(*facts, fact("warned", at=11, lead="other", place=0)))
    assert message.title == "30 overdue and 1 soon due"
    assert message.body.count("• ") == 20
    assert "lead lead-00: Answer, Carla, due by" in message.body
    assert "… and 11 more." in message.body


@pytest.mark.parametrize("code", ["en", "pt", "es"])
def test_every_message_can_be_made_in_every_language(code):
    """No message fails for want of a value, in any language."""
    facts = [
        fact(change, at=12, place=0) if change == "warned" else fact(change, at=12, lead=change)
        for change in ("started", "warned", "met", "breached", "cancelled")
    ]
    for said in facts:
        assert said.lead in text_of(batch_of(said), code).title
    assert text_of(batch_of(facts[0], facts[3]), code).body


# Secrets.


def test_a_secret_comes_from_the_environment_unless_a_place_is_named():
    """In a container, an environment variable is enough."""
    found = Secrets(None, {"SLACK": " url "}).find("SLACK")
    assert (found.value, found.where) == ("url", "environment")


def test_a_folder_has_a_file_for_each_secret(tmp_path):
    """As Docker and Kubernetes hand secrets over; what the folder lacks is looked for in the environment."""
    (tmp_path / "SLACK").write_text("url\n")
    secrets = Secrets(tmp_path, {"SLACK": "other", "MAIL": "mail"})
    assert (secrets.find("SLACK").value, secrets.find("SLACK").where) == ("url", str(tmp_path))
    assert secrets.find("MAIL").where == "environment"


def test_a_file_has_a_line_for_each_secret_and_is_read_anew(tmp_path):
    """A secret that is changed is taken without a new start; nothing in it is expanded."""
    file = tmp_path / "secrets.env"
    file.write_text("# ours\nSLACK='json://host/${HOME}?a=b#c'\nexport MAIL=mailto://x\n")
    secrets = Secrets(file, {})
    assert secrets.find("SLACK").value == "json://host/${HOME}?a=b#c"
    assert secrets.find("MAIL").value == "mailto://x"
    file.write_text("SLACK=json://other\n")
    assert secrets.find("SLACK").value == "json://other"


@pytest.mark.parametrize("place", ["nothing", "folder", "file", "gone"])
def test_a_missing_secret_is_named_with_where_it_was_looked_for(place, tmp_path):
    """The error says which secret, and where to put it."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("OTHER=x\nSLACK=\n")
    with pytest.raises(BatonError, match="the secret SLACK"):
        Secrets(None if place == "nothing" else tmp_path / place, {"SLACK": " "}).find("SLACK")


# Receivers.


def test_a_webhook_gets_the_text_and_the_key(web):
    """A receiver can tell by a header that a message comes again."""
    Address(web.url("hook")).send(HELLO)
    (post,) = web.taken("hook")
    assert (post.said["title"], post.said["message"], post.said["type"]) == (HELLO.title, HELLO.body, "failure")
    assert post.key == "key-1"


def test_a_mail_gets_the_text_and_the_key(mail):
    """A mailbox gets the same message, as text that is as it was written."""
    Address(mail.url("carla@example.com")).send(HELLO)
    ((to, received),) = mail.mails
    assert to == ["carla@example.com"]
    assert received["Subject"] == "Overdue"
    assert received["Idempotency-Key"] == "key-1"
    plain = received.get_body(("plain", "html"))
    assert plain is not None
    assert "with <angles> & é" in plain.get_content() or "with &lt;angles&gt; &amp; é" in plain.get_content()


def test_a_refusal_says_why_and_nothing_secret(web, mail, log):
    """What goes wrong can be read in a log that anybody may see."""
    web.refusals[f"hook/{SECRET}"] = 1
    mail.refusals = 1
    for url in (web.url(f"hook/{SECRET}"), mail.url(f"{SECRET}@example.com"), f"json://localhost:1/{SECRET}"):
        with pytest.raises(NotSent) as caught:
            Address(url).send(HELLO)
        assert str(caught.value)
        assert SECRET not in str(caught.value)
    assert SECRET not in log.getvalue()


@pytest.mark.parametrize("url", [SECRET, f"nothing://{SECRET}", f"https://example.com/{SECRET}"])
def test_an_address_that_apprise_cannot_use_is_refused_without_being_repeated(url, log, capsys):
    """A secret with a slip in it is not printed to find the slip."""
    with pytest.raises(BatonError) as caught:
        Address(url)
    assert "apprise" in str(caught.value)
    told = f"{caught.value} {log.getvalue()} {''.join(capsys.readouterr())}"
    assert SECRET not in told


# Deliveries.


def deliveries_to(web, may_send=lambda _: True, backoff=QUICK) -> Deliveries:
    """What sends each batch to the path of its address's name."""
    return Deliveries(lambda batch: Address(web.url(batch.to)).send(HELLO._replace(key=batch.name)), may_send, backoff)


def batch_to(to, name="b1") -> Batch:
    return Batch(name, to, False, ())


def results_of(deliveries, count=1):
    found = []
    wait_until(lambda: found.extend(deliveries.results()) or len(found) >= count, "results", 30)
    return {result.batch.to: result for result in found}


def test_a_message_that_is_refused_is_sent_again_with_the_same_key(web):
    """A target that is down for a while gets everything in the end."""
    web.refusals["hook"] = 3
    deliveries = deliveries_to(web)
    deliveries.begin(batch_to("hook"))
    result = results_of(deliveries)["hook"]
    assert (result.outcome, result.failures) == ("sent", 3)
    assert "503" in result.why
    assert [post.key for post in web.taken("hook")] == ["b1"]


def test_a_message_is_given_up_after_the_set_time(web):
    """A target that is gone for good is not tried for ever."""
    web.refusals["hook"] = 10**9
    deliveries = deliveries_to(web, backoff=Backoff(first_s=0.01, most_s=0.01, give_up_s=0.05))
    deliveries.begin(batch_to("hook"))
    result = results_of(deliveries)["hook"]
    assert result.outcome == "given_up"
    assert result.failures == web.refused["hook"] >= 1


def test_a_message_is_tried_for_as_long_as_it_may_be_told():
    """A mail server that is down overnight loses nothing."""
    settings = Settings()
    assert settings.notify_give_up_s == settings.notify_max_age_s == Backoff().give_up_s


@pytest.mark.parametrize(("now", "may"), [(12.0, True), (35.9, True), (36.1, False)])
def test_what_has_become_too_old_is_not_tried_again(now, may):
    """However long a batch is tried, nothing in it is told later than it may be."""
    terms = versions(written(section({"change": "breached", "to": "alerts"})))
    post = Post(Notices(terms, DAY_S), Texts(terms, language_of("en")), Settings(), lambda: time(now))
    assert post.may_send(batch_of(fact(at=12.0))) == may


def test_targets_that_hang_hold_up_no_other(web):
    """However many webhooks are dead, the one that lives gets its message while they hang."""
    dead = [f"dead-{number}" for number in range(20)]
    for name in dead:
        web.hang(name)
    deliveries = deliveries_to(web)
    for name in dead:
        deliveries.begin(batch_to(name))
    for name in dead:
        assert web.asked[f"/{name}"].wait(30)
    deliveries.begin(batch_to("alive"))
    assert results_of(deliveries)["alive"].outcome == "sent"
    assert deliveries.busy == set(dead)


def test_a_message_that_is_tried_again_is_put_off_when_quiet_hours_begin(web):
    """The second attempt asks again whether it may be made."""
    web.refusals["hook"] = 10**9
    deliveries = deliveries_to(web, may_send=lambda _: False)
    deliveries.begin(batch_to("hook"))
    result = results_of(deliveries)["hook"]
    assert (result.outcome, result.failures) == (None, 1)
    assert web.refused["hook"] == 1


def test_whoever_stops_waits_for_what_is_being_sent_and_begins_nothing_more(web):
    """At a stop, a message on its way arrives, and its success is known."""
    released = web.hang("hook")
    web.refusals["down"] = 10**9
    deliveries = deliveries_to(web, backoff=Backoff(first_s=60, most_s=60, give_up_s=600))
    deliveries.begin(batch_to("hook"))
    deliveries.begin(batch_to("down"))
    assert web.asked["/hook"].wait(30)
    wait_until(lambda: web.refused["down"] == 1, "the first refusal", 30)
    threading.Timer(0.2, released.set).start()
    deliveries.abandon(30)
    assert len(web.taken("hook")) == 1
    assert [result.outcome for result in deliveries.results() if result.batch.to == "hook"] == ["sent"]
    assert deliveries.busy == set()


def test_whoever_stops_knows_of_every_success():
    """A message that was taken just before the stop is not taken for one that may have to come again."""
    released = threading.Event()

    class Slow(Deliveries):
        def _tried(self, way):
            result = super()._tried(way)
            released.wait(30)
            return result

    sent = threading.Event()
    deliveries = Slow(lambda _: sent.set(), lambda _: True, QUICK)
    deliveries.begin(batch_to("hook"))
    assert sent.wait(30)
    threading.Timer(0.2, released.set).start()
    deliveries.abandon(30)
    assert [result.outcome for result in deliveries.results()] == ["sent"]


def test_a_message_that_cannot_be_made_is_given_up_and_holds_up_nothing():
    """A mistake of ours costs one message, which is counted."""

    def broken(_):
        raise ZeroDivisionError

    deliveries = Deliveries(broken, lambda _: True, QUICK)
    deliveries.begin(batch_to("hook"))
    assert results_of(deliveries)["hook"].outcome == "given_up"
