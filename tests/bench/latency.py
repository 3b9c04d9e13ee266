"""How long an event takes to have its effect, at a tenth and at half of what the engine can take."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from math import nan

from streams import topics
from streams.percentiles import percentile
from tests.bench.delays import Delays
from tests.bench.ground import Ground, grounded
from tests.bench.log import make_log
from tests.bench.options import Options
from tests.bench.running import Committed, Workers, follow, said_by
from tests.bench.systems import ENGINE, Engine, engine_environment, own_redis
from tests.bench.tables import machine, number, show
from tests.engines import wait_until

LEADS = 50_000
SHARES = (0.1, 0.5)
WARM_UP_S = 20.0
"""Seconds at the first of these before anything is measured: a broker's first transactions are not yet compiled."""
QUIET_S = 1.5
PERCENTS = (50, 99)
TITLES = ("rate, events/s", "late at the end, s", "events seen", "committed p50, ms", "p99", "in Redis p50, ms", "p99")


@dataclass(frozen=True)
class Published:
    """How many events were published, and how much later than it should the last one was."""

    events: int
    late_s: float


def timing(options: Options) -> int:
    """Tell the delays at each share of the maximum rate."""
    with grounded() as ground, ExitStack() as ends:
        url = ends.enter_context(own_redis(ground))
        rate = options.rate or _maximum(ground, options)
        print(
            f"{machine()}\n\nshares of {number(rate)} events/s, {options.seconds:.0f} s of each, one worker\n",
            flush=True,
        )
        folder = ground.clean()
        environment = engine_environment(ground, folder) | {"BATON_REDIS_URL": url}
        engine = ends.enter_context(Workers("the engine", folder, ENGINE, environment))
        bench = _Bench(ground, options, engine, folder.name, url)
        bench.publish(SHARES[0] * rate, WARM_UP_S, seed=0)
        show(TITLES, (bench.measure(share * rate, seed) for seed, share in enumerate(SHARES, 1)))
    return 0


def _maximum(ground: Ground, options: Options) -> float:
    """The rate at which one worker works off a log that waits for it, and keeps Redis."""
    ground.publish(make_log(options.seed, options.leads or LEADS))
    return Engine("a", "Baton's engine").run(ground, options).rate


class _Bench:
    """Publishes to a running engine, and looks at the delays."""

    def __init__(self, ground: Ground, options: Options, engine: Workers, group: str, redis_url: str) -> None:
        self._ground = ground
        self._options = options
        self._engine = engine
        self._group = group
        self._redis_url = redis_url

    def measure(self, rate: float, seed: int) -> tuple[str, ...]:
        """A row of the table."""
        delays = Delays(self._ground, self._redis_url)
        delays.begin()
        try:
            published = self.publish(rate, self._options.seconds, seed)
            wait_until(lambda: time.monotonic() - delays.records_at > QUIET_S, "the changelog to be quiet")
            wait_until(lambda: delays.in_redis, "Redis to have it all")
        finally:
            delays.end()
        return (
            number(rate),
            number(published.late_s, 1),
            number(len(delays.committed_us)),
            *(_percentile_ms(delays.committed_us, percent) for percent in PERCENTS),
            *(_percentile_ms(delays.redis_us, percent) for percent in PERCENTS),
        )

    def publish(self, rate: float, seconds: float, seed: int) -> Published:
        """Publish for so long, and wait until the engine has committed it all."""
        ground, limit_s = self._ground, self._options.limit_s
        settings = {"BENCH_RATE": str(rate), "BENCH_SECONDS": str(seconds), "BENCH_SEED": str(1000 + seed)}
        environment = {"BATON_KAFKA_SERVERS": ground.servers, **settings}
        program = ["-m", "tests.bench.workers.publishing"]
        published = said_by(Workers("the publisher", ground.new_folder(), program, environment), limit_s, Published)
        with Committed(ground, self._group, topics.INPUTS) as committed:
            follow(self._engine, committed, limit_s)
        return published


def _percentile_ms(delays_us: list[int], percent: int) -> str:
    found = percentile(sorted(delays_us), percent)
    return number(nan if found is None else found / 1000)
