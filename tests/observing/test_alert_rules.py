"""Prometheus' configuration: every alert can be followed at night, fires where it should, and is silent elsewhere."""

import re
import shlex
from collections import defaultdict
from itertools import chain, pairwise

import click
import pytest
import typer
from ruamel.yaml import YAML

from agents.metrics.definitions import ALL
from schemas.promises import ResponseClause
from tests.command_line import app
from tests.observing.programs import PROMETHEUS, RUNBOOKS, need, run

TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
SEVERITIES = {"critical", "warning", "info"}
COMPONENTS = {"agreement", "engine"}
NOT_OURS = {"process_start_time_seconds"}


def read(file) -> dict:
    return YAML(typ="safe").load(file.read_text(encoding="utf-8"))


RULES = [
    rule
    for file in sorted((PROMETHEUS / "rules").glob("*.yml"))
    for group in read(file)["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in RULES if "record" in rule}


def test_prometheus_takes_the_configuration():
    """What is shipped is a configuration that Prometheus accepts, with every file of rules that it names."""
    done = run(need("promtool"), "check", "config", str(PROMETHEUS / "prometheus.yml"))
    assert done.returncode == 0, done.stdout
    assert f"{len(list((PROMETHEUS / 'rules').glob('*.yml')))} rule files found" in done.stdout


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_alerts_fire_and_are_silent_as_their_cases_say(file):
    """Prometheus' own program evaluates every case and finds the alerts that it expects, and no others."""
    done = run(need("promtool"), "test", "rules", str(file))
    assert done.returncode == 0, done.stdout


def test_every_alert_has_a_firing_and_a_silent_case():
    """No alert is shipped that nobody has seen fire, or that nobody has seen be silent."""
    cases = defaultdict(set)
    for case in chain.from_iterable(read(file)["tests"] for file in TESTS):
        for asked in case["alert_rule_test"]:
            cases[asked["alertname"]].add(bool(asked["exp_alerts"]))
    assert cases == {name: {True, False} for name in ALERTS}


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_how_bad_it_is_and_what_to_do(name):
    """An alert has its severity, whom it is for, a summary, a description, and a page to follow that exists."""
    alert = ALERTS[name]
    assert alert["labels"].keys() == {"severity", "component"}
    assert alert["labels"]["severity"] in SEVERITIES
    assert alert["labels"]["component"] in COMPONENTS
    told = alert["annotations"]
    assert told.keys() == {"summary", "description", "runbook_url"}
    assert told["runbook_url"] == f"{{{{ $externalLabels.runbooks }}}}/{name}.md"
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")
    assert alert["labels"]["severity"] in page
    assert "    baton " in page, "a page has commands to run"


def test_every_page_has_its_alert():
    """No runbook is left of an alert that is gone, and the list of them names each once."""
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == set(ALERTS)
    listed = re.findall(r"\]\((\w+)\.md\)", (RUNBOOKS / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(ALERTS)


def test_who_is_never_warned_is_told_so():
    """A clause warns of nothing unless `warn_at` is written, and the page of the alert that this silences says so."""
    assert ResponseClause.model_fields["warn_at"].default == ()
    assert "`warn_at`" in (RUNBOOKS / "BatonClocksAtRisk.md").read_text(encoding="utf-8")


def test_rules_read_what_the_engine_tells():
    """Every series that a rule reads is a metric of the engine, or recorded by a rule with a proper name."""
    suffixes = ("", "_bucket", "_count", "_sum")
    known = {metric.name + suffix for metric in ALL for suffix in suffixes} | NOT_OURS | {"up"} | set(RECORDED)
    for rule in RULES:
        read_here = set(re.findall(r"(?<![\w:])(?:\w+:)?(?:baton|process)_\w+(?::\w+)?(?![\w:])", rule["expr"]))
        assert read_here <= known, rule.get("alert") or rule["record"]
    for name in RECORDED:
        assert re.fullmatch(r"[a-z_]+:baton_[a-z_]+:[a-z_0-9]+", name)


COMMANDS_IN_PAGES = sorted({
    line.strip()
    for page in RUNBOOKS.glob("*.md")
    for line in page.read_text(encoding="utf-8").splitlines()
    if re.match(r" {4,}\S", line)
})  # fmt: skip


def programs(line: str) -> set[str]:
    """The programs that a line runs: its first word, and each after a pipe, or after another that ends a command."""
    words = list(shlex.shlex(line, posix=True, punctuation_chars=True))
    return {word for before, word in pairwise([";", *words]) if before in {"|", "||", "&", "&&", ";", "("}}


@pytest.mark.parametrize("line", COMMANDS_IN_PAGES)
def test_a_shell_takes_the_commands_of_the_pages(line):
    """Every command can be pasted, and the list of programs says where each of those that it runs is to be found."""
    told = run("bash", "-n", "-c", line)
    assert (told.returncode, told.stdout) == (0, "")
    rows = re.findall(r"^\| (`.*?) \|", (RUNBOOKS / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert programs(line) <= {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


@pytest.mark.parametrize("line", [line for line in COMMANDS_IN_PAGES if line.startswith("baton ")])
def test_commands_of_the_pages_are_there(line):
    """Whoever follows a page at night types commands, options and arguments that `baton` takes."""
    words = shlex.split(line.partition(" > ")[0])[1:]
    command = typer.main.get_command(app)
    while isinstance(command, click.Group):
        name = words.pop(0)
        assert name in command.commands, line
        command = command.commands[name]
    command.make_context(command.name, words)
