"""`baton notify`, and notifications beside an engine."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from agents.errors import BatonError
from agents.notifying.beside import notify_beside
from agents.settings import Settings
from tests.command_line import app
from tests.streams.builders import agreement as without
from tests.streams.builders import versions
from tests.streams.notified import ADDRESSES, TARGETS, section, written

SECRET = "T0K3N-that-nobody-may-see"


@pytest.fixture
def agreement(tmp_path, monkeypatch):
    """An agreement with targets, in force, whose secrets are in the environment."""
    document = written(
        section(
            {
                "change": "breached",
                "to": ["alerts", "owner"],
                "escalate": [{"after": "1h", "to": "pager", "urgent": True}],
            }
        ),
        effective=0,
    )
    document["effective"] = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    with (tmp_path / "acme.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(document, file)
    monkeypatch.setenv("BATON_AGREEMENT", str(tmp_path / "acme.yaml"))
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, ["notify", *words])


@pytest.mark.usefixtures("agreement")
def test_a_test_goes_to_the_targets_that_are_named_and_says_what_came_back(web, mail, monkeypatch):
    """Whoever sets up a target sees that it works, or what is wrong with it."""
    monkeypatch.setenv("ALERTS", web.url("alerts"))
    monkeypatch.setenv("MAIL", mail.url("carla@example.com"))
    web.refusals["alerts"] = 1
    shown = run("test", "alerts", "office-mail")
    assert shown.exit_code == 1
    assert "fail alerts" in shown.stdout
    assert "503" in shown.stdout
    assert "ok   office-mail" in shown.stdout
    assert "office-mail" in mail.mails[0][1]["Subject"]
    assert run("test", "alerts").exit_code == 0
    assert web.taken("alerts")[0].said["title"] == "Test: Baton reaches alerts"


@pytest.mark.usefixtures("agreement")
def test_a_test_of_everything_tells_what_is_missing(web, monkeypatch):
    """Without names all targets and people are tested; one without a secret fails and is named."""
    for secret in ("ALERTS", "PAGER", "MAIL", "CARLA"):
        monkeypatch.setenv(secret, web.url(secret.lower()))
    monkeypatch.delenv("BRUNO", raising=False)
    shown = run("test")
    assert shown.exit_code == 1
    assert len(web.posts) == len(TARGETS) + len(ADDRESSES) - 1
    assert "the secret BRUNO is missing" in shown.stdout


@pytest.mark.usefixtures("agreement")
def test_an_unknown_target_is_refused_with_a_hint():
    """A slip in a target's name is told, and nothing is sent."""
    shown = run("test", "alert")
    assert isinstance(shown.exception, BatonError)
    assert "Did you mean 'alerts'?" in str(shown.exception)


@pytest.mark.usefixtures("agreement")
def test_a_list_shows_where_secrets_are_and_none_of_them(web, monkeypatch):
    """What is configured can be shown to anybody."""
    monkeypatch.setenv("ALERTS", web.url(SECRET))
    monkeypatch.delenv("PAGER", raising=False)
    shown = run("list")
    assert shown.exit_code == 0
    assert SECRET not in shown.stdout
    lines = {line.split()[0]: line.split() for line in shown.stdout.splitlines() if line.strip()}
    assert lines["alerts"][:5] == ["alerts", "target", "ALERTS", "environment", "JSON"]
    assert lines["pager"][:4] == ["pager", "target", "PAGER", "missing"]
    assert lines["office-mail"][-1] == "office"
    assert "after 1h: pager (urgent)" in shown.stdout


def test_a_list_tells_routes_about_promises_from_those_about_clocks(agreement):
    """Whoever set the routes up sees which of them is about what."""
    document = written(
        section(
            {"change": "breached", "to": "alerts"},
            {"change": ["off_pace", "missed"], "to": "alerts"},
            {"change": "kept", "clause": ["volume", "revenue"], "owed_by": "marketing", "to": "responsible"},
        )
    )
    with (agreement / "acme.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(document, file)
    shown = run("list")
    assert shown.exit_code == 0
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert "breached every clock alerts" in lines
    assert "off_pace, missed every promise and goal alerts" in lines
    assert "kept clause volume, revenue; owed by marketing responsible" in lines


def test_an_agreement_without_notifications_says_so(agreement):
    """Where there is nothing to send, the command says what is missing."""
    text = (agreement / "acme.yaml").read_text()
    document = YAML(typ="safe", pure=True).load(text)
    del document["notifications"]
    with (agreement / "acme.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(document, file)
    shown = run("list")
    assert isinstance(shown.exception, BatonError)
    assert "'notifications'" in str(shown.exception)


# Beside an engine.


def worker(terms, **settings):
    """As much of an engine's worker as is asked for."""
    tasks = []
    app = SimpleNamespace(task=tasks.append)
    return SimpleNamespace(settings=Settings(**settings), versions=terms, app=app, tasks=tasks, listeners=[])


@pytest.mark.parametrize(
    ("terms", "settings", "sends"),
    [
        (written(section({"change": "breached", "to": "alerts"})), {}, True),
        (written(section({"change": "breached", "to": "alerts"})), {"notify": False}, False),
        (without(), {}, False),
    ],
)
def test_an_engine_sends_if_the_agreement_has_notifications_and_the_setting_allows(terms, settings, sends):
    """Notifications can be left to `baton notify run`, by setting BATON_NOTIFY=false."""
    engine = worker(versions(terms), **settings)
    beside = notify_beside(engine)
    assert (beside is not None and beside.notifier is not None) == sends


def test_an_engine_begins_to_send_with_the_first_version_that_has_notifications():
    """A version that is published while it runs may bring them; by one after it they are routed anew."""
    first, second = without(1), written(section({"change": "breached", "to": "alerts"}), version=2, effective=0)
    engine = worker(versions(first), kafka_servers="127.0.0.1:1")
    beside = notify_beside(engine)
    assert beside is not None
    assert beside.notifier is None

    async def begins() -> None:
        task = asyncio.create_task(engine.tasks[0]())
        await asyncio.sleep(0)
        for tell in engine.listeners:
            tell(versions(first, second))
        assert beside.notifier is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(begins())


def test_a_notifier_without_a_broker_ends_when_it_is_told_to():
    """An engine that stops is not held up by notifications that wait for Kafka."""
    engine = worker(versions(written(section({"change": "breached", "to": "alerts"}))), kafka_servers="127.0.0.1:1")
    beside = notify_beside(engine)
    assert beside is not None
    assert beside.notifier is not None

    async def stopped_at_once() -> None:
        task = asyncio.create_task(engine.tasks[0]())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stopped_at_once())
    assert beside.notifier.waiting is None
