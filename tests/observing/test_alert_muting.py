"""What a real Alertmanager holds back: by night what can wait, and what follows from something worse."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.embedded import LOOPBACK, Process, free_port
from agents.up.observing import alertmanager_command, configure
from tests.engines import wait_until
from tests.observing.programs import need
from tests.observing.test_alert_rules import ALERTS
from tests.receivers import Web, web_server

OFFICE_HOURS = """- weekdays: ["monday:friday"]
        times: [{start_time: "09:00", end_time: "18:00"}]
"""
BY_NIGHT = {OFFICE_HOURS: '- years: ["2000"]\n'}
BY_DAY = {OFFICE_HOURS: '- years: ["2000:2999"]\n', "mute_time_intervals: [holidays]": "mute_time_intervals: []"}


@dataclass
class Told:
    """A running Alertmanager and where its notifications arrive."""

    address: str
    web: Web

    def fire(self, name: str, **labels: str) -> None:
        """What Prometheus sends when an alert fires."""
        now = datetime.now(UTC)
        alert = {
            "labels": {"alertname": name, **ALERTS[name]["labels"], **labels},
            "annotations": {"summary": name, "description": "", "runbook_url": ""},
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
        }
        connection = http.client.HTTPConnection(self.address, timeout=10)
        connection.request("POST", "/api/v2/alerts", json.dumps([alert]), {"Content-Type": "application/json"})
        assert connection.getresponse().status == 200
        connection.close()

    def told(self, path: str) -> set[str]:
        """The alerts that a webhook was called for."""
        return {alert["labels"]["alertname"] for post in self.web.taken(path) for alert in post.said["alerts"]}


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    program = need("prometheus-alertmanager", "alertmanager")
    started: list[Process] = []
    with web_server() as web:

        def start_it(changes: dict[str, str]) -> Told:
            address = f"{LOOPBACK}:{free_port()}"
            configure(tmp_path, [], address)
            file = tmp_path / "alertmanager" / "alertmanager.yml"
            text = file.read_text()
            quick = {"group_wait: 10s": "group_wait: 0s", "http://hooks.example": f"http://{LOOPBACK}:{web.port}"}
            for before, after in (quick | changes).items():
                assert before in text, before
                text = text.replace(before, after)
            file.write_text(text)
            for name in ("webhook-token", *(f"slack-{team}" for team in ("operations", "sales", "marketing", "teams"))):
                (tmp_path / "alertmanager" / "secrets" / name).write_text(f"http://{LOOPBACK}:{web.port}/slack")
            started.append(Process("Alertmanager", alertmanager_command(program, tmp_path, address), tmp_path / "log"))
            started[-1].start()
            told = Told(address, web)
            started[-1].wait_until(lambda: is_there(told))
            return told

        yield start_it
        for process in started:
            process.stop()


def is_there(told: Told) -> bool:
    try:
        connection = http.client.HTTPConnection(told.address, timeout=1)
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False


def test_outside_office_hours_only_what_can_wait_waits(start):
    """By night a lead ignored is not told, and a breach of the same party is."""
    told = start(BY_NIGHT)
    told.fire("BatonLeadsIgnored", clause="decision", owed_by="sales")
    told.fire("BatonClockBreached", clause="routing", owed_by="sales")
    wait_until(lambda: told.told("sales"), "the breach to be told")
    told.fire("BatonClocksAtRisk", clause="meeting", owed_by="sales")
    wait_until(lambda: len(told.told("sales")) > 1, "what comes later to be told")
    assert told.told("sales") == {"BatonClockBreached", "BatonClocksAtRisk"}


def test_in_office_hours_what_can_wait_is_told(start):
    """By day a lead ignored is told."""
    told = start(BY_DAY)
    told.fire("BatonLeadsIgnored", clause="decision", owed_by="sales")
    wait_until(lambda: told.told("sales") == {"BatonLeadsIgnored"}, "it to be told")


def test_what_follows_from_something_worse_is_not_told_as_well(start):
    """While most clocks of a clause are breached its single breaches are not told, and another clause's are."""
    told = start({})
    told.fire("BatonBreachesMany", clause="routing", owed_by="sales")
    wait_until(lambda: told.told("sales"), "the worse one to be told")
    told.fire("BatonClockBreached", clause="routing", owed_by="sales")
    told.fire("BatonClocksAtRisk", clause="routing", owed_by="sales")
    told.fire("BatonClockBreached", clause="meeting", owed_by="sales")
    wait_until(lambda: "BatonClockBreached" in told.told("sales"), "the other clause's to be told")
    alerts = [alert["labels"] for post in told.web.taken("sales") for alert in post.said["alerts"]]
    assert {(alert["alertname"], alert["clause"]) for alert in alerts} == {
        ("BatonBreachesMany", "routing"),
        ("BatonClockBreached", "meeting"),
    }


def test_without_any_worker_only_that_is_told(start):
    """Whoever is woken because the engine is absent is not woken again by what follows from it."""
    told = start({})
    told.fire("BatonEngineAbsent")
    wait_until(lambda: told.told("on-call"), "the absence to be told")
    told.fire("BatonNowStandsStill", instance="a", job="baton")
    told.fire("BatonRecoveryTooLong", instance="a", job="baton")
    told.fire("BatonClocksAtRisk", clause="meeting", owed_by="sales")
    told.fire("BatonClockBreached", clause="routing", owed_by="sales")
    wait_until(lambda: told.told("sales"), "a breach to be told")
    assert told.told("on-call") == {"BatonEngineAbsent"}
    assert told.told("sales") == {"BatonClockBreached"}
