"""Write the boards, or run each of their expressions: `python -m deploy.grafana.boards [series ADDRESS]`."""

import sys
from pathlib import Path
from typing import Final

from deploy.grafana.boards import clocks, engine, funnel, promises
from deploy.grafana.boards.asking import ask, expressions, filled
from deploy.grafana.boards.making import rendered

FOLDER: Final = Path(__file__).parents[1] / "dashboards"
USAGE: Final = "usage: python -m deploy.grafana.boards [series http://PROMETHEUS]\n"


def boards() -> dict[str, str]:
    """The text of each file, by its name."""
    return {
        f"{board.uid}.json": rendered(board) for board in (funnel.BOARD, clocks.BOARD, promises.BOARD, engine.BOARD)
    }


def write() -> int:
    """Write them all; what is not one of them any more is removed."""
    FOLDER.mkdir(exist_ok=True)
    made = boards()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    for old in FOLDER.glob("*.json"):
        if old.name not in made:
            old.unlink()
    return 0


def tell(prometheus: str, shown: int = 3) -> int:
    """Print each expression, how many series a Prometheus returns for it, and some of them; 1 if any returns none."""
    silent = 0
    for text in boards().values():
        for one in expressions(text):
            found = ask(prometheus, filled(one.expr))
            silent += not found
            values = ", ".join(f"{series.called(one.legend)} {series.value:.6g}" for series in found[:shown])
            sys.stdout.write(f"{len(found):>5}  {one.board}: {one.panel}\n")
            sys.stdout.write(f"       {' '.join(one.expr.split())}\n       = {values}\n")
    sys.stdout.write(f"{silent} without data\n")
    return 1 if silent else 0


def main(words: list[str]) -> int:
    """Do what the command line says; returns the exit code."""
    if not words:
        return write()
    if len(words) != 2 or words[0] != "series":
        sys.stderr.write(USAGE)
        return 2
    try:
        return tell(words[1].rstrip("/"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {words[1]}: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
