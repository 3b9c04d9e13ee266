"""Grafana's boards: as the code makes them, complete for whoever reads them, and with data in every panel."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from ruamel.yaml import YAML

from agents.metrics.definitions import ALL
from deploy.grafana.boards.__main__ import FOLDER, boards, main
from deploy.grafana.boards.asking import Series, ask, expressions, filled
from deploy.grafana.boards.clocks import AT_RISK
from deploy.grafana.boards.engine import BACKLOG, BEHIND
from deploy.grafana.boards.making import NO_LIMIT, PROMISED
from tests.deploy.observed import history, observed, present
from tests.deploy.prometheus import need_prometheus, prometheus
from tests.engines import StillWaitingError, fresh_topics, wait_until
from tests.observing.test_alert_rules import ALERTS
from tests.services import ROOT, Broker, Redis

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"
BOARDS = boards()
WIDTH = 24
UNTOLD = """  - {id: untold, owed_by: sales, kind: completeness, fields: [email], among: {type: lead, status: unheard},
     at_least: 0.5, per: month}
"""
"""A promise of which nothing is ever there to judge."""
every_board = pytest.mark.parametrize("text", BOARDS.values(), ids=BOARDS.keys())


def panels(text: str) -> list[dict]:
    return [panel for panel in json.loads(text)["panels"] if panel["type"] != "row"]


def test_the_committed_boards_are_those_that_the_code_makes():
    """What Grafana loads is what the code says: run python -m deploy.grafana.boards if it is not."""
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")} == BOARDS


def test_boards_keep_their_addresses():
    """Links to boards, in people's bookmarks and in runbooks, go on working."""
    found = {board["uid"]: board["title"] for board in map(json.loads, BOARDS.values())}
    assert found == {
        "baton-funnel": "Funnel live",
        "baton-clocks": "SLA clocks",
        "baton-promises": "Promises and goals",
        "baton-engine": "Engine",
    }


@every_board
def test_every_panel_says_what_to_do(text):
    """Whoever sees something bad finds what it means and what to do in the panel itself, and in which unit it is."""
    for panel in panels(text):
        assert len(panel["description"]) > 80, panel["title"]
        settings = panel["fieldConfig"]
        units = [settings["defaults"].get("unit")] + [
            one["value"] for rule in settings["overrides"] for one in rule["properties"] if one["id"] == "unit"
        ]
        assert any(units), panel["title"]


def limits(panel: dict) -> list[list[dict]]:
    """The steps of a panel's colours: its own, and those of its columns."""
    settings = panel["fieldConfig"]
    columns = [
        one["value"] for rule in settings["overrides"] for one in rule["properties"] if one["id"] == "thresholds"
    ]
    return [one["steps"] for one in [settings["defaults"]["thresholds"], *columns]]


@every_board
def test_every_panel_says_from_where_on_it_is_bad(text):
    """Each has limits, or is declared to have none; a new one cannot forget them."""
    declared = [{"value": value, "color": colour} for value, colour in NO_LIMIT]
    for panel in panels(text):
        found = limits(panel)
        assert found == [declared] or any(len(steps) > 1 for steps in found), panel["title"]


@pytest.mark.parametrize(
    ("shown", "alert"),
    [
        (AT_RISK, "BatonClocksAtRisk"),
        (PROMISED, "BatonPromiseOffPace"),
        (PROMISED, "BatonGoalOffPace"),
        (BACKLOG, "BatonBacklogGrowing"),
        (BEHIND, "BatonProjectionBehind"),
    ],
)
def test_colours_change_where_alerts_begin(shown, alert):
    """A board is not green while an alert of the same figure fires."""
    begins = re.search(r"[<>]=? ([\d.]+)", ALERTS[alert]["expr"])
    assert begins
    assert float(begins[1]) in {value for value, _ in shown}


@every_board
def test_runbooks_that_panels_name_are_there(text):
    """Whoever follows a panel's advice to a runbook finds the page."""
    pages = [page for panel in panels(text) for page in re.findall(r"docs/[\w/-]+\.md", panel["description"])]
    assert pages or "Funnel" in text
    assert [page for page in pages if not (ROOT / page).is_file()] == []


@every_board
def test_panels_fill_the_width_and_do_not_overlap(text):
    """Nothing is hidden behind something else, and every line of panels reaches from edge to edge."""
    taken: Counter = Counter()
    for panel in json.loads(text)["panels"]:
        place = panel["gridPos"]
        taken.update(
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        )
    height = max(y for _, y in taken) + 1
    assert taken == Counter({(x, y): 1 for x in range(WIDTH) for y in range(height)})


@every_board
def test_panels_have_numbers_of_their_own(text):
    """A link to a panel (`viewPanel`) opens that one."""
    numbers = [panel["id"] for panel in json.loads(text)["panels"]]
    assert numbers == sorted(set(numbers))


@every_board
def test_thresholds_rise(text):
    """Each colour begins above the one before it; the first has no lower end."""
    for panel in panels(text):
        for steps in limits(panel):
            assert steps[0]["value"] is None, panel["title"]
            assert all(step["value"] is not None for step in steps[1:]), panel["title"]
            assert all(low["value"] < high["value"] for low, high in pairwise(steps[1:])), panel["title"]


@every_board
def test_what_is_chosen_at_the_top_holds_for_every_panel(text):
    """A metric that has a choice's label is asked for what is chosen; a panel without any says that it is of all."""
    labels = {metric.name: metric.labels for metric in ALL}
    for choice in json.loads(text)["templating"]["list"][1:]:
        chosen = f'{choice["name"]}=~"${choice["name"]}"'
        for panel in panels(text):
            asked = [target["expr"] for target in panel["targets"]]
            for metric, inside in (one for expr in asked for one in re.findall(r"\b(baton_\w+)({[^}]*})?", expr)):
                name = metric if metric in labels else metric.removesuffix("_bucket").removesuffix("_count")
                assert chosen in inside or choice["name"] not in labels[name], (panel["title"], metric)
            assert chosen in "".join(asked) or f"all {choice['name']}s" in panel["description"], panel["title"]


@every_board
def test_legends_name_labels_that_the_series_have(text):
    """No legend is blank: the labels that it names are those by which the expression groups."""
    for one in expressions(text):
        for label in re.findall(r"{{(\w+)}}", one.legend):
            assert re.search(rf"\b{label}\b", one.expr) or label == "instance", (one.panel, label)


@every_board
def test_boards_ask_for_metrics_that_exist(text):
    """A metric that is renamed is renamed on the boards."""
    known = {metric.name for metric in ALL} | {
        f"{metric.name}{end}" for metric in ALL if metric.buckets for end in ("_bucket", "_count", "_sum")
    }
    asked = {name for one in expressions(text) for name in re.findall(r"\bbaton_\w+", one.expr)}
    assert asked
    assert asked <= known


@every_board
def test_a_board_works_with_any_prometheus(text):
    """Panels, choices and marks ask the data source that is chosen at the top, not one that only we have."""
    board = json.loads(text)
    asking = [*panels(text), *(target for panel in panels(text) for target in panel["targets"])]
    asking += board["annotations"]["list"]
    asking += [choice for choice in board["templating"]["list"] if choice["type"] == "query"]
    assert {one["datasource"]["uid"] for one in asking} == {"${datasource}"}
    assert next(choice["name"] for choice in board["templating"]["list"]) == "datasource"


def test_a_new_version_is_marked_on_every_board():
    """The mark stands at the moment from which the version judges events, given in milliseconds."""
    for text in BOARDS.values():
        (mark,) = json.loads(text)["annotations"]["list"]
        assert "baton_agreement_effective_timestamp_seconds" in mark["expr"]
        assert mark["expr"].endswith("* 1000")
        assert mark["useValueForTime"] is True


def test_grafana_is_told_where_boards_and_figures_are():
    """The provisioning files name the folder that compose mounts, and data sources that keep their ids."""
    yaml = YAML(typ="safe")
    sources = yaml.load(PROVISIONING / "datasources" / "baton.yml")["datasources"]
    (provider,) = yaml.load(PROVISIONING / "dashboards" / "baton.yml")["providers"]
    assert [source["uid"] for source in sources] == ["baton-prometheus", "baton-alertmanager"]
    assert [source["isDefault"] for source in sources if "isDefault" in source] == [True]
    assert provider["folderUid"] == "baton"
    grafana = yaml.load(ROOT / "docker-compose.yml")["services"]["grafana"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    assert {"BATON_PROMETHEUS", "BATON_ALERTMANAGER"} <= grafana["environment"].keys()


@pytest.fixture(scope="module")
def watched(broker: Broker, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has seen a running engine work off what makes every metric tell something."""
    program = need_prometheus()
    tmp_path = tmp_path_factory.mktemp("watched")
    agreement = tmp_path / "acme.yaml"  # always open, so that no period is without open time yet
    text = ACME.read_text(encoding="utf-8").replace("\ncalendar: office\n", "\ncalendar: always\n")
    agreement.write_text(text.replace("\ngoals:\n", f"\n{UNTOLD}goals:\n"))
    fresh_topics(broker.servers)
    redis_server.flush()
    with (
        observed(broker.servers, redis_server.url, tmp_path / "engine", agreement) as engine,
        prometheus(program, tmp_path / "prometheus", engine.ports) as address,
    ):
        engine.wait_until_open()
        wait_until(lambda: ask(address, "baton_partitions_open > 0"), "a scrape")
        engine.publish([*history(200), *present()], [b"no event", b"{}"])
        yield address


EVERY = [one for text in BOARDS.values() for one in expressions(text)]


def silent(prometheus: str) -> list[str]:
    """The expressions for which nothing comes back, soon after the engine has worked everything off."""

    def found() -> list[str]:
        return [f"{one.board}: {one.panel}: {one.expr}" for one in EVERY if not ask(prometheus, filled(one.expr))]

    seen: list[list[str]] = []  # a gauge is gone for as long as a scrape takes too long
    with suppress(StillWaitingError):
        wait_until(lambda: seen.append(found()) or not seen[-1], "every expression to return data", 30)
    return seen[-1]


def test_every_expression_returns_data(watched, capsys):
    """No panel is empty on a running engine, in Prometheus' own judgement; the command prints each with its series."""
    assert silent(watched) == []
    wait_until(lambda: capsys.readouterr() and main(["series", watched]) == 0, "the command to find data for each")
    printed = capsys.readouterr().out
    assert printed.endswith("\n0 without data\n")
    assert printed.count("\n") == 3 * len(EVERY) + 1
    in_stages = filled(next(one.expr for one in EVERY if one.panel == "Leads in each stage"))
    stages: list[Series] = []
    wait_until(lambda: stages.extend(ask(watched, in_stages)) or stages, "a scrape in time")
    assert {one.labels["stage"] for one in stages} >= {"visitor", "lead", "mql", "sal", "opportunity", "customer"}
    assert sum(one.value for one in stages) > 12


def test_who_chooses_one_party_sees_nothing_of_the_other(watched):
    """Each row and line of *SLA clocks* is of a clause that the chosen party owes, and none of those is missing."""
    owed_by = {one.labels["clause"]: one.labels["owed_by"] for one in ask(watched, "baton_clause_info")}
    parties = set(owed_by.values())
    assert parties == {"marketing", "sales"}
    assert silent(watched) == []
    for one in (one for one in EVERY if one.board == "SLA clocks" and "by (" in one.expr):
        shown = {party: ask(watched, filled(one.expr, owed_by=party)) for party in (".*", *parties)}
        for party in parties:
            assert {series.labels.get("owed_by", party) for series in shown[party]} <= {party}, one
            clauses = {series.labels["clause"] for series in shown[".*"] if "clause" in series.labels}
            kept = {series.labels["clause"] for series in shown[party] if "clause" in series.labels}
            assert kept == {clause for clause in clauses if owed_by[clause] == party}, one


def test_every_promise_is_shown_with_its_party(watched):
    """The table has a row, with who owes it, also for a promise of which nothing is there to judge yet."""
    assert silent(watched) == []
    rows, reached, *_ = (ask(watched, filled(one.expr)) for one in EVERY if one.panel == "Promises")
    parties = {one.labels["clause"]: (one.labels["owed_by"], one.labels["kind"]) for one in rows}
    assert parties == {
        "volume": ("marketing", "volume"),
        "calls": ("sales", "volume"),
        "quality": ("marketing", "ratio"),
        "completeness": ("marketing", "completeness"),
        "untold": ("sales", "completeness"),
    }
    assert {one.labels["clause"] for one in reached} == parties.keys() - {"untold"}


def test_the_command_says_what_it_is_for(capsys):
    """Words that it does not know, or an address where nobody answers: exit code 2, and a line that says so."""
    assert main(["nonsense"]) == 2
    assert "usage: python -m deploy.grafana.boards" in capsys.readouterr().err
    assert main(["series", "http://127.0.0.1:9"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
