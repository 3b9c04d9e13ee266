"""The expressions of boards, run against a Prometheus."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

INTERVAL_S: Final = 5
"""What stands for Grafana's own step."""
RANGE_S: Final = 900
"""The time that is chosen at the top of a board."""
ANSWER_S: Final = 30.0


@dataclass(frozen=True)
class Expression:
    """An expression, where it stands, and how its series are called."""

    board: str
    panel: str
    expr: str
    legend: str


@dataclass(frozen=True)
class Series:
    """One series that came back: its labels, and its value now."""

    labels: Mapping[str, str]
    value: float

    def called(self, legend: str) -> str:
        """Its name in Grafana, by a panel's legend; without one, its labels' values."""
        if legend in {"", "__auto"}:
            return " ".join(value for name, value in sorted(self.labels.items()) if name != "__name__")
        return re.sub(r"{{(\w+)}}", lambda label: self.labels.get(label[1], ""), legend)


def expressions(board: str) -> Iterator[Expression]:
    """Every expression of a board, given as its JSON: of panels, of annotations."""
    document = json.loads(board)
    for panel in document["panels"]:
        for target in panel.get("targets", ()):
            yield Expression(document["title"], panel["title"], target["expr"], target["legendFormat"])
    for annotation in document["annotations"]["list"]:
        where = f"annotation {annotation['name']}"
        yield Expression(document["title"], where, annotation["expr"], annotation["titleFormat"])


def filled(expr: str, range_s: int = RANGE_S, interval_s: int = INTERVAL_S, **chosen: str) -> str:
    """The expression with values for Grafana's variables: what is `chosen` at the top of a board, or all of it."""
    values = {
        "$__rate_interval": f"{4 * interval_s}s",
        "$__interval": f"{interval_s}s",
        "$__range": f"{range_s}s",
        "$channel": ".*",
        "$clause": ".*",
        "$owed_by": ".*",
    } | {f"${name}": value for name, value in chosen.items()}
    for name, value in values.items():
        expr = expr.replace(name, value)
    return expr


def ask(prometheus: str, expr: str) -> list[Series]:
    """The series that a Prometheus (its address) returns now for an expression without variables.

    One without a number (a share of nothing) is no data, and left out. Raises ValueError with what Prometheus says is
    wrong with the expression, OSError where there is no answer.
    """
    url = f"{prometheus}/api/v1/query?{urlencode({'query': expr})}"
    try:
        with urlopen(url, timeout=ANSWER_S) as answer:  # noqa: S310 - whoever asks names the address
            result = json.load(answer)["data"]
    except HTTPError as error:
        raise ValueError(f"{expr}: {json.load(error)['error']}") from error
    found = result["result"] if result["resultType"] == "vector" else [{"metric": {}, "value": result["result"]}]
    series = [Series(one["metric"], float(one["value"][1])) for one in found]
    return [one for one in series if not isnan(one.value)]
