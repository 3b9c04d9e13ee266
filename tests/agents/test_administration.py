"""Topics: made as `streams.topics` says, left alone when right, and refused where leads would change hands."""

import re
from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient
from typer.testing import CliRunner

from agents.administration import apply_topics, check_topics, kafka_admin, plan_topics, refusal
from agents.cli import main
from agents.errors import BatonError
from agents.settings import Settings
from streams import topics
from tests.command_line import app
from tests.services import create_topics


@pytest.fixture
def own(broker, prefix, monkeypatch):
    """Settings for the broker at hand, where every topic has a name that no other test has."""
    named = tuple(replace(topic, name=prefix + topic.name) for topic in topics.ALL)
    monkeypatch.setattr(topics, "ALL", named)
    return Settings(kafka_servers=broker.servers, partitions=3)


def make(own, name, partitions, config=None):
    create_topics(own.kafka_servers, [name], partitions, config)
    with kafka_admin(own) as admin:
        admin.wait_for_topics([name])


def there(own):
    found = AdminClient({"bootstrap.servers": own.kafka_servers}).list_topics(timeout=10).topics
    return {topic.name: len(found[topic.name].partitions) for topic in topics.ALL if topic.name in found}


def actions(changes):
    return {change.action for change in changes}


def test_plan_shows_every_topic_and_makes_none(own):
    """A plan on an empty broker says that all topics will be made, and makes none."""
    assert actions(plan_topics(own)) == {"create"}
    assert there(own) == {}


def test_with_three_replicas_one_alone_acknowledges_nothing(own):
    """What is committed survives the loss of a broker: topics made with three replicas want two for each write."""
    for replicas, said in ((3, True), (2, False), (1, False)):
        plan = plan_topics(own.model_copy(update={"replication": replicas}))
        assert {"min.insync.replicas=2" in change.detail for change in plan} == {said}


def test_applied_topics_have_their_partitions_and_settings(own):
    """What `apply` makes is what the data say; the totals have one partition."""
    apply_topics(own)
    assert there(own) == {topic.name: topic.partitions or 3 for topic in topics.ALL}
    assert actions(plan_topics(own)) == {"nothing"}


def test_applied_again_it_changes_nothing(own):
    """A second `apply` finds nothing to do, and the check before the engine passes."""
    apply_topics(own)
    assert actions(apply_topics(own)) == {"nothing"}
    check_topics(own)


def test_a_setting_that_differs_is_set_and_no_other(own):
    """Of a topic that was made with another retention only that is altered."""
    wanted = topics.ALL[0]
    make(own, wanted.name, 3, {**wanted.config(), "retention.ms": "1000"})
    change = plan_topics(own)[0]
    assert (change.action, change.settings) == ("alter", {"retention.ms": wanted.settings["retention.ms"]})
    apply_topics(own)
    assert plan_topics(own)[0].action == "nothing"


def test_another_partition_count_is_refused_with_both_numbers_and_nothing_is_made(own):
    """Leads would change hands: nothing at all is made, and the error has what is and what is wanted."""
    make(own, topics.ALL[1].name, 5)
    with pytest.raises(BatonError, match=f"{topics.ALL[1].name}: has 5 partitions, wants 3 .*BATON_PARTITIONS=5"):
        apply_topics(own)
    assert there(own) == {topics.ALL[1].name: 5}


def test_topics_refused_for_one_reason_are_told_together(own):
    """One line says which topics have another number of partitions, not a line for each."""
    apply_topics(own)
    told = refusal(plan_topics(own.model_copy(update={"partitions": 6})))
    assert told.count("has 3 partitions, wants 6") == 1
    assert all(topic.name in told for topic in topics.ALL if topic.partitions is None)


def test_the_check_names_each_missing_topic(own):
    """The engine is told all topics that it lacks, and the command that makes them."""
    make(own, topics.ALL[2].name, 3)
    with pytest.raises(BatonError, match="baton topics apply") as raised:
        check_topics(own)
    named = {topic.name for topic in topics.ALL if topic.name in str(raised.value)}
    assert named == {topic.name for topic in topics.ALL} - {topics.ALL[2].name}


def test_the_check_refuses_another_partition_count(own):
    """An engine with another number of partitions than the topics have does not start."""
    apply_topics(own)
    with pytest.raises(BatonError, match="has 3 partitions, wants 4"):
        check_topics(own.model_copy(update={"partitions": 4}))


def test_the_check_refuses_a_changelog_that_would_forget(own):
    """A changelog that is not compacted would lose leads after its retention, so the engine does not start."""
    changelog = next(topic.name for topic in topics.ALL if topic.name.endswith(topics.CHANGELOG))
    make(own, changelog, 3, {"cleanup.policy": "delete"})
    with pytest.raises(BatonError, match=f"{changelog} must be compacted"):
        check_topics(own)


def test_a_broker_that_is_not_there_is_named(monkeypatch):
    """Without a broker the error names where it was looked for, and the setting."""
    monkeypatch.setattr("agents.administration.CONNECT_MS", 2_000)
    with pytest.raises(BatonError, match=r"127\.0\.0\.1:9 .*BATON_KAFKA_SERVERS"):
        check_topics(Settings(kafka_servers="127.0.0.1:9"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kafka_servers": "broker:port"}, "BATON_KAFKA_SERVERS: 'broker:port' is no list of host:port"),
        ({"kafka_ca": "gone.pem"}, "BATON_KAFKA_CA: gone.pem: there is no such file"),
        ({"kafka_ca": __file__}, "BATON_KAFKA_CA: cannot be used as PEM"),
        ({"kafka_certificate": __file__}, "BATON_KAFKA_CERTIFICATE: cannot be used as PEM"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(given, told):
    """Who mistypes the servers or a certificate's file is told which setting it is."""
    with pytest.raises(BatonError, match=re.escape(told)):
        plan_topics(Settings(kafka_security="SSL", **given))


def test_why_there_is_no_connection_is_told(monkeypatch):
    """The error has the reason that the network gave, which tells a wrong port from a wrong certificate."""
    monkeypatch.setattr("agents.administration.CONNECT_MS", 2_000)
    with pytest.raises(BatonError, match="ECONNREFUSED"):
        plan_topics(Settings(kafka_servers="127.0.0.1:9"))


def test_the_command_shows_a_row_for_each_topic(own, monkeypatch):
    """`baton topics apply` prints every topic with what was done."""
    monkeypatch.setenv("BATON_KAFKA_SERVERS", own.kafka_servers)
    monkeypatch.setenv("BATON_PARTITIONS", "3")
    shown = CliRunner().invoke(app, ["topics", "apply"])
    assert shown.exit_code == 0, shown.output
    assert all(topic.name in shown.stdout for topic in topics.ALL)
    assert "create" in shown.stdout


def test_a_refusal_is_one_line_and_exit_code_2(own, monkeypatch, capsys):
    """At the command line a refusal is told without a traceback."""
    make(own, topics.ALL[0].name, 5)
    monkeypatch.setenv("BATON_KAFKA_SERVERS", own.kafka_servers)
    monkeypatch.setenv("BATON_PARTITIONS", "3")
    monkeypatch.setattr("sys.argv", ["baton", "topics", "apply"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err.splitlines() == [
        f"error: {topics.ALL[0].name}: has 5 partitions, wants 3 (BATON_PARTITIONS); "
        "set BATON_PARTITIONS=5, for leads that are kept cannot change partitions"
    ]
