"""What is kept of a lead for the promises that are judged by period, as it stands in memory and in the changelog."""

import msgspec


class Pledges(msgspec.Struct, array_like=True):
    """What is kept of a lead for the promises: a pure function of the set of its events and of the versions.

    `first` is the time of its first event (microseconds). `counted`: events by promise and period. `firsts`: when
    it first was what matchers mean that no journey keeps, by their key; `filled`: the keys of the completeness clauses
    whose fields it then had. `won`: since when its won deals are. `grown`: by how much its open pipeline, in
    ten-thousandths, grew in a period, by currency.
    """

    first: int | None = None
    counted: dict[str, dict[str, int]] = {}
    firsts: dict[str, int] = {}
    filled: list[str] = []
    won: dict[str, int] = {}
    grown: dict[str, dict[str, int]] = {}
