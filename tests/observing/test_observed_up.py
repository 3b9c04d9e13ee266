"""`BATON_OBSERVE=1 baton up`: Prometheus and Alertmanager beside the rest, and nothing of them left behind."""

import json
import re
import signal
import subprocess
import urllib.request

import pytest

from tests.agents.test_up import BATON, Up, environ, have_ended
from tests.engines import wait_until
from tests.observing.programs import need


class ObservedUp(Up):
    """A `baton up` that is watched."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [*BATON, "up", "--rate", "0"],
            cwd=folder,
            env=environ(BATON_OBSERVE="1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""


@pytest.fixture
def observed(tmp_path):
    need("prometheus")
    need("prometheus-alertmanager", "alertmanager")
    up = ObservedUp(tmp_path)
    yield up
    up.process.kill()
    up.process.wait()


def ask(address: str, path: str):
    with urllib.request.urlopen(f"{address}/api/{path}", timeout=10) as answer:
        return json.load(answer)


def is_scraped(prometheus: str) -> bool:
    """Whether Prometheus has something of the engine's and of Alertmanager's."""
    targets = ask(prometheus, "v1/targets")["data"]["activeTargets"]
    return {target["labels"]["job"] for target in targets if target["health"] == "up"} == {"baton", "alertmanager"}


def test_it_is_watched_by_what_is_shipped_and_leaves_nothing_behind(observed):
    """Both say where they are, the engine is scraped by the shipped rules, and Ctrl-C ends all of it."""
    line = observed.until("Prometheus: ")
    prometheus, alertmanager = re.findall(r"http://[\d.:]+", line)
    observed.until("ready: ")
    children = observed.children()
    assert len(children) == 5
    wait_until(lambda: is_scraped(prometheus), "the targets to be scraped")
    groups = ask(prometheus, "v1/rules")["data"]["groups"]
    assert "BatonClockBreached" in {rule["name"] for group in groups for rule in group["rules"]}
    assert ask(alertmanager, "v2/status")["cluster"]["status"] == "disabled"
    known = ask(prometheus, "v1/alertmanagers")["data"]["activeAlertmanagers"]
    assert [one["url"] for one in known] == [f"{alertmanager}/api/v2/alerts"]
    assert observed.end(signal.SIGINT) == 0
    assert observed.said.endswith("ended\n")
    assert have_ended(children.values(), 0)


def test_programs_that_are_not_there_are_named_before_anything_starts(tmp_path):
    """Without Prometheus or Alertmanager it says in one line what to install, and starts nothing."""
    env = environ(BATON_OBSERVE="1", PATH=str(tmp_path))
    done = subprocess.run(
        [*BATON, "up"], check=False, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "apt-get install --no-install-recommends prometheus prometheus-alertmanager" in done.stderr
    assert not list(tmp_path.rglob("*.log"))
