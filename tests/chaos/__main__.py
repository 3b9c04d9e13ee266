"""Hurt a running engine for some time, and check what came out. Exit code 1 if the promise did not hold."""

import argparse
import random
import re
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import confluent_kafka as ck

from agents.administration import apply_topics
from agents.agreements import read_agreements
from agents.settings import Settings
from agents.versions import publish_versions
from streams import topics
from tests.chaos.check import check
from tests.chaos.faults import FAULTS, mixed_fault
from tests.chaos.files import differing_documents, differing_files
from tests.chaos.log import Line, make_log
from tests.chaos.projected import differing_clocks
from tests.chaos.promised import differing_promises, statements
from tests.services import ROOT, Kafka, Redis
from tests.workers import Workers

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
LATENESS = "lateness: 3650d"
"""Months pass in a minute here, so a worker that is down for seconds is weeks late."""
PARTITIONS = 4
WAIT_S = 5.0
"""How long nothing is said of a clock that is overdue when it is born, which all are here."""
FIRST_CHANGE = datetime(2026, 1, 20, tzinfo=UTC)
"""When the second version takes effect."""
ELSEWHERE = 0.1
"""The share of records that another partitioner sends elsewhere."""


class Run:
    """One run: a broker, workers, a publisher, and the faults between them."""

    def __init__(self, options: argparse.Namespace, directory: Path, ends: ExitStack) -> None:
        self.options = options
        self.rnd = random.Random(options.seed)
        self.session_s, self.transaction_s = 6.0, 15.0
        self.kafka = Kafka(_made(directory / "kafka"))
        ends.callback(self.kafka.end)
        self.kafka.start()
        self.redis: Redis | None = None
        if options.redis:
            self.redis = Redis(_made(directory / "redis"))
            ends.callback(self.redis.end)
            self.redis.start()
        self.log = make_log(options.seed, options.leads)
        self.agreement = directory / "agreement.yaml"
        self.agreement.write_text(version_text(1))
        self.versions = list(read_agreements([self.agreement]))
        self.workers = Workers(directory, self._settings())
        ends.callback(self.workers.end_all)
        apply_topics(Settings(kafka_servers=self.kafka.servers, partitions=PARTITIONS))
        self._producers = [self._producer("murmur2_random"), self._producer("consistent_random")]
        self._next = 0
        self._began = 0.0
        self.ended: list[tuple[int, int]] = []

    def _settings(self) -> dict[str, str]:
        return {
            "BATON_KAFKA_SERVERS": self.kafka.servers,
            "BATON_AGREEMENT": str(self.agreement),
            "BATON_PARTITIONS": str(PARTITIONS),
            "BATON_METRICS_PORT": "0",
            "BATON_OVERDUE_WAIT_S": str(WAIT_S),
            "BATON_STORE": self.options.store,
            "BATON_SESSION_TIMEOUT_S": str(self.session_s),
            "BATON_REBALANCE_TIMEOUT_S": "6",
            "BATON_TRANSACTION_TIMEOUT_S": str(self.transaction_s),
            "BATON_REDIS_URL": self.redis.url if self.redis is not None else "",
        }

    def _producer(self, partitioner: str) -> ck.Producer:
        return ck.Producer(
            {
                "bootstrap.servers": self.kafka.servers,
                "partitioner": partitioner,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 900_000,
                "queue.buffering.max.messages": 5_000_000,
                "log_level": 0,
            }
        )

    def go(self) -> Counter[str]:
        """Publish the log over the time of the run, with a fault now and then; returns what was done."""
        options, done = self.options, Counter[str]()
        for number in range(2):
            self.workers.start(number)
        self._began = time.monotonic()
        mixed, names = options.faults == "mix", tuple(filter(None, options.faults.split(",")))
        self.wait(12)
        while time.monotonic() - self._began < options.seconds and (
            not options.times or sum(done.values()) < options.times
        ):
            if names:
                seconds = time.monotonic() - self._began
                name = mixed_fault(self.rnd, seconds, options.seconds, done) if mixed else self.rnd.choice(names)
                print(f"{seconds:6.0f} s  {name}", flush=True)
                FAULTS[name](self, self.rnd)
                done[name] += 1
            self.wait(self.rnd.uniform(4, 9))
        self._publish(len(self.log))
        for producer in self._producers:
            producer.flush()
        return done

    def publish_version(self) -> None:
        """Publish another version of the agreement, which judges some of what has long been folded."""
        path = self.agreement.with_name(f"version-{len(self.versions) + 1}.yaml")
        path.write_text(version_text(len(self.versions) + 1))
        agreements = read_agreements([path])
        publish_versions(Settings(kafka_servers=self.kafka.servers, partitions=PARTITIONS), agreements)
        self.versions += agreements

    def wait(self, seconds: float) -> None:
        """Publish and tend the workers for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            share = (time.monotonic() - self._began) / self.options.seconds
            self._publish(int(len(self.log) * share))
            self.ended += self.workers.tend()
            time.sleep(0.05)

    def _publish(self, until: int) -> None:
        for line in self.log[self._next : until]:
            self._send(line)
        self._next = max(self._next, min(until, len(self.log)))
        for producer in self._producers:
            producer.poll(0)

    def _send(self, line: Line) -> None:
        producer = self._producers[self.rnd.random() < ELSEWHERE]
        producer.produce(line.topic, line.value, line.key)

    def catch_up(self, limit_s: float = 180.0) -> float:
        """Wait until the engine has committed all that was published; returns the seconds.

        Raises TimeoutError past the limit.
        """
        began = time.monotonic()
        reader = ck.Consumer(
            {"bootstrap.servers": self.kafka.servers, "group.id": "baton", "enable.auto.commit": False}
        )
        try:
            while behind := self._behind(reader):
                self.ended += self.workers.tend()
                if time.monotonic() - began > limit_s:
                    raise TimeoutError(f"the engine is behind: {behind}")
                time.sleep(1)
        finally:
            reader.close()
        return time.monotonic() - began

    def _behind(self, reader: ck.Consumer) -> dict[str, tuple[int, int]]:
        behind = {}
        for topic in topics.INPUTS:
            tps = [ck.TopicPartition(topic, partition) for partition in range(PARTITIONS)]
            for tp in reader.committed(tps, timeout=10):
                _, end = reader.get_watermark_offsets(tp, timeout=10)
                if max(0, tp.offset) < end:
                    behind[f"{topic}/{tp.partition}"] = (tp.offset, end)
        return behind


def version_text(number: int) -> str:
    """The company's agreement; a version after the first has other terms, in force from ten days later each."""
    text = re.sub(r"^lateness: .*$", LATENESS, ACME.read_text(), flags=re.MULTILINE)
    if number == 1:
        return text
    since = FIRST_CHANGE + (number - 2) * timedelta(days=10)
    text = re.sub(r"^version: .*$", f"version: {number}", text, flags=re.MULTILINE)
    text = re.sub(r"^effective: .*$", f"effective: {since.isoformat()}", text, flags=re.MULTILINE)
    return text.replace("score: {at_least: 50}", f"score: {{at_least: {50 + number * 7 % 40}}}").replace(
        "within: 4h", f"within: {1 + number % 6}h"
    )


def _made(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="mix", help=f"mix, or names by comma: {', '.join(FAULTS)}; empty: none")
    parser.add_argument("--times", type=int, default=0, help="so many faults, then no more")
    parser.add_argument("--leads", type=int, default=12_000)
    parser.add_argument("--store", default="memory", choices=["memory", "rocksdb"])
    parser.add_argument("--redis", action="store_true", help="with a Redis read model")
    parser.add_argument("--keep", type=Path, help="a folder to keep the workers' logs in")
    options = parser.parse_args()
    with ExitStack() as ends:
        directory = options.keep or Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="baton-chaos-")))
        run = Run(options, directory, ends)
        print(
            f"seed {options.seed}: {len(run.log)} records, {PARTITIONS} partitions, two workers, store {options.store}",
            flush=True,
        )
        done = run.go()
        seconds = run.catch_up()
        run.wait(WAIT_S + 3)  # now all that is overdue is said
        findings = check(run.kafka.servers, PARTITIONS, run.log, run.versions)
        findings.lines += differing_promises(run.kafka.servers, run.log, run.versions)
        findings.lines += differing_files(directory, run.workers.settings, run.log)
        promises = len(statements(run.kafka.servers))
        if run.redis is not None and not findings.lines:
            findings.lines += differing_documents(run.redis.url, directory / "exported")
            findings.lines += differing_clocks(run.redis.url, run.log, run.versions)
    print(f"hurt {sum(done.values())} times {dict(done)}; workers that ended by themselves {run.ended}")
    said = f"{findings.leads} leads, {findings.facts} facts, {findings.corrected} corrections"
    clocks = f"{findings.clock_facts} facts of clocks, {findings.clocks_corrected} corrections"
    print(f"caught up in {seconds:.0f} s; {said}; {clocks}; {promises} statements of promises")
    for line in findings.lines[:20]:
        print("WRONG:", line)
    print("nothing lost, nothing twice" if not findings.lines else f"{len(findings.lines)} findings")
    return int(bool(findings.lines))


if __name__ == "__main__":
    sys.exit(main())
