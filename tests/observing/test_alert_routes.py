"""Alertmanager's configuration: each alert goes to whom it is for, and no secret is in the repository."""

import re

import pytest
from ruamel.yaml import YAML

from tests.observing.programs import ALERTMANAGER, PROMETHEUS, RUNBOOKS, need, run
from tests.observing.test_alert_rules import ALERTS

CONFIG = ALERTMANAGER / "alertmanager.yml"
CONFIGURATION = YAML(typ="safe").load(CONFIG.read_text(encoding="utf-8"))
PARTIES = {"sales": "sales", "marketing": "marketing", "cs": "teams", None: "teams"}


def receivers(**labels) -> list[str]:
    """Who is told of an alert with these labels, as Alertmanager's own program says."""
    words = [f"{name}={value}" for name, value in labels.items() if value is not None]
    done = run(need("amtool"), "config", "routes", "test", f"--config.file={CONFIG}", *words)
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()[-1].split(",")


def test_alertmanager_takes_the_configuration():
    """What is shipped is a configuration that Alertmanager accepts, with its templates."""
    done = run(need("amtool"), "check-config", str(CONFIG))
    assert done.returncode == 0, done.stdout
    assert f"{len(CONFIGURATION['inhibit_rules'])} inhibit rules" in done.stdout
    assert "1 templates" in done.stdout


@pytest.mark.parametrize("name", [name for name, rule in ALERTS.items() if rule["labels"]["component"] == "agreement"])
@pytest.mark.parametrize(("party", "receiver"), PARTIES.items())
def test_what_the_agreement_says_goes_to_the_party_that_owes_it(name, party, receiver):
    """Sales is told of what sales owes, marketing of what marketing owes, and both of the rest."""
    assert receivers(alertname=name, owed_by=party, **ALERTS[name]["labels"]) == [receiver]


@pytest.mark.parametrize("name", [name for name, rule in ALERTS.items() if rule["labels"]["component"] == "engine"])
def test_what_the_machine_says_goes_to_operations(name):
    """What cannot wait wakes somebody; what can, is in the operators' channel."""
    labels = ALERTS[name]["labels"]
    expected = "on-call" if labels["severity"] == "critical" else "operations"
    assert receivers(alertname=name, instance="a", **labels) == [expected]


def test_an_alert_that_nobody_thought_of_is_not_lost():
    """What fits no route goes to operations."""
    assert receivers(alertname="Unheard") == ["operations"]


def test_only_what_can_wait_waits_for_office_hours():
    """Every route of severity info is told in office hours and not on holidays; no other route is ever muted."""
    found = list(_routes(CONFIGURATION["route"]))
    waiting = [route for route in found if 'severity="info"' in route.get("matchers", ())]
    assert len(waiting) == 4
    for route in found:
        assert route.get("active_time_intervals") == (["office"] if route in waiting else None)
        assert route.get("mute_time_intervals") == (["holidays"] if route in waiting else None)


def test_the_runbooks_say_how_soon_a_breach_is_told():
    """The seconds that the page promises are those of the shipped intervals; the alert waits for nothing else."""
    every = YAML(typ="safe").load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))["global"]
    waits = [every["scrape_interval"], every["evaluation_interval"], CONFIGURATION["route"]["group_wait"]]
    seconds = sum(int(wait.removesuffix("s")) for wait in waits)
    page = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert f"A breach is told at most {seconds} seconds after" in page
    assert "for" not in ALERTS["BatonClockBreached"]
    assert [route["receiver"] for route in _routes(CONFIGURATION["route"]) if "group_wait" in route] == ["operations"]


def _routes(route: dict):
    yield route
    for child in route.get("routes", ()):
        yield from _routes(child)


def test_secrets_are_in_files():
    """No address of Slack's and no token is in the configuration: only files that hold them are named."""
    text = CONFIG.read_text(encoding="utf-8")
    assert not re.search(r"\b(api_url|credentials|password|slack_api_url|bot_token):", text)
    for receiver in CONFIGURATION["receivers"]:
        for slack in receiver["slack_configs"]:
            assert slack["api_url_file"].startswith("/etc/alertmanager/secrets/slack-")
        for hook in receiver.get("webhook_configs", ()):
            assert hook["http_config"]["authorization"]["credentials_file"] == "/etc/alertmanager/secrets/webhook-token"
