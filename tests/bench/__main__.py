"""Run a benchmark: without a word the comparison, or one of open, memory, latency, replay, clocks, scrape."""

import sys

from pydantic import ValidationError

from agents.embedded import ServiceError
from agents.errors import BatonError
from tests.bench.clocks import ticking
from tests.bench.latency import timing
from tests.bench.opening import opening, weighing
from tests.bench.options import Options
from tests.bench.replaying import replaying
from tests.bench.running import BenchError
from tests.bench.scrape import scraping
from tests.bench.table import compare

COMMANDS = {
    "compare": compare,
    "open": opening,
    "memory": weighing,
    "latency": timing,
    "replay": replaying,
    "clocks": ticking,
    "scrape": scraping,
}


def main() -> int:
    """Run what the command line says."""
    words = sys.argv[1:] or ["compare"]
    if len(words) > 1 or words[0] not in COMMANDS:
        print(f"usage: python -m tests.bench [{'|'.join(COMMANDS)}]", file=sys.stderr)
        return 2
    try:
        options = Options()
    except ValidationError as errors:
        for error in errors.errors():
            print(f"BENCH_{str(error['loc'][0]).upper()}: {error['msg']}", file=sys.stderr)
        return 2
    try:
        return COMMANDS[words[0]](options)
    except (BatonError, BenchError, ServiceError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
