"""Publishing versions of the agreement, on both brokers: what is taken, what is refused, and who was first."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import confluent_kafka as ck
import pytest

from agents import versions
from agents.agreements import read_agreements, write_agreements
from agents.cli import main
from agents.errors import BatonError
from agents.settings import Settings
from agents.versions import (
    Follower,
    UnpublishableError,
    live_agreements,
    publish_versions,
    published,
    seeded_agreements,
)
from schemas.agreement import Agreement
from streams import topics
from streams.published import frozen
from tests.engines import fresh_topics, read
from tests.services import ROOT, Broker

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
GOOD = sorted((ROOT / "tests" / "schemas" / "agreement" / "good").glob("*.yaml"))
PARTITIONS = 1
Version = Callable[..., Path]


@pytest.fixture
def settings(broker: Broker) -> Settings:
    """For a broker on which nothing is published."""
    fresh_topics(broker.servers, PARTITIONS)
    return Settings(kafka_servers=broker.servers, partitions=PARTITIONS)


@pytest.fixture
def version(tmp_path: Path) -> Version:
    """What writes a version of the company's agreement into a file."""

    def write(number: int, effective: str = "", score: int = 50, name: str = "acme") -> Path:
        text = (
            ACME.read_text()
            .replace("version: 1\n", f"version: {number}\n")
            .replace("agreement: acme", f"agreement: {name}")
        )
        since = effective or f"202{4 + number}-01-01T00:00:00-03:00"
        text = text.replace("2025-01-01T00:00:00-03:00", since).replace("at_least: 50}", f"at_least: {score}}}")
        path = tmp_path / f"{name}-{number}-{score}.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def baton(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """What runs the command line; its exit code."""
    monkeypatch.setenv("BATON_KAFKA_SERVERS", settings.kafka_servers)
    monkeypatch.setenv("BATON_PARTITIONS", str(PARTITIONS))

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["baton", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


def numbers(settings: Settings) -> list[int]:
    return [one.version for one in published(settings).register.agreements]


def by(settings: Settings, path: Path) -> Settings:
    return settings.model_copy(update={"agreement": path})


def test_what_is_published_is_kept_as_it_judges_with_its_holidays_as_dates(settings: Settings, version: Version):
    """The record's key names the version; its value has the dates; read again, it is the version that was written."""
    (written,) = read_agreements([version(1)])
    (outcome,) = publish_versions(settings, [written])
    assert outcome.word == "published"
    (record,) = read(settings.kafka_servers, topics.AGREEMENTS, 1)
    assert record.key() == b"acme/1"
    assert json.loads(record.value())["calendars"]["office"]["holidays"]["country"] is None
    (kept,) = published(settings).register.versions
    assert (kept.written, kept.agreement) == (written, frozen(written))


def test_the_command_says_what_becomes_of_each_version(baton: Callable[..., int], version: Version, capsys):
    """A new version is published, the same again is no error, and a dry run changes nothing."""
    assert baton("agreement", "publish", "--dry-run", version(1)) == 0
    assert "acme version 1, in force from 2025-01-01T03:00:00+00:00: would be published" in capsys.readouterr().out
    assert baton("agreement", "versions") == 2
    assert "no version is published" in capsys.readouterr().err
    assert baton("agreement", "publish", version(1)) == 0
    assert capsys.readouterr().out.endswith(": published\n")
    assert baton("agreement", "publish", version(1), version(2)) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.rpartition(": ")[2] for line in said] == ["is published already", "published"]
    assert baton("agreement", "versions") == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]] == [["acme", "1"], ["acme", "2"]]


def test_what_may_not_be_published_is_one_line_and_exit_code_2(baton: Callable[..., int], version: Version, capsys):
    """Another content under a published number, and a version that is not later; nothing of either is published."""
    assert baton("agreement", "publish", version(1), version(2)) == 0
    refusals = {
        version(2, score=60): "acme version 2 is published with another content.*raise `version` to 3",
        version(3, "2025-06-01T00:00:00Z"): "acme version 3: `effective` must be later than 2026-01-01",
        version(3, name="other"): "other version 3: versions of 'acme' are published",
    }
    for path, said in refusals.items():
        capsys.readouterr()
        assert baton("agreement", "publish", path) == 2
        (line,) = capsys.readouterr().err.splitlines()
        with pytest.raises(AssertionError, match=f"^error: {said}"):
            raise AssertionError(line)
    assert baton("agreement", "publish", version(9, score="none")) == 2
    assert "acme-9-none.yaml:" in capsys.readouterr().err
    assert baton("agreement", "versions") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_all_or_none_of_the_files_is_checked_before_any_is_published(settings: Settings, version: Version):
    """The second of two may not be, so the first is not either."""
    publish_versions(settings, read_agreements([version(1)]))
    changed = [*read_agreements([version(2)]), *read_agreements([version(1, score=60)])]
    with pytest.raises(UnpublishableError, match="another content"):
        publish_versions(settings, changed)
    assert numbers(settings) == [1]


def test_of_two_that_publish_at_once_the_first_counts_and_the_other_is_told(
    settings: Settings, version: Version, monkeypatch: pytest.MonkeyPatch
):
    """Both found the number free; who comes second is told, and every reader goes by the first."""
    publish_versions(settings, read_agreements([version(1)]))
    mine, theirs = read_agreements([version(2)]), read_agreements([version(2, score=60)])
    send = versions._send

    def overtaken(*given: object) -> None:
        monkeypatch.setattr(versions, "_send", send)
        publish_versions(settings, theirs)
        send(*given)

    monkeypatch.setattr(versions, "_send", overtaken)
    with pytest.raises(UnpublishableError, match="was first: acme version 2 is published with another content"):
        publish_versions(settings, mine)
    found = published(settings)
    assert found.register.agreements[-1] == frozen(theirs[0])
    assert len(found.ignored) == 1
    assert "offset 2: does not count" in found.ignored[0]


def test_a_record_that_is_no_version_is_passed_over(settings: Settings, version: Version):
    """Whatever somebody writes to the topic, the versions that are there count, and the doctor can name the rest."""
    publish_versions(settings, read_agreements([version(1)]))
    producer = ck.Producer({"bootstrap.servers": settings.kafka_servers})
    for value in (b"{", b"{}", None):
        producer.produce(topics.AGREEMENTS, value, b"acme/2", 0)
    assert producer.flush(20) == 0
    publish_versions(settings, read_agreements([version(2)]))
    assert numbers(settings) == [1, 2]
    assert len(published(settings).ignored) == 3


def test_a_follower_hears_what_is_published_before_and_after(settings: Settings, version: Version):
    """It is told all versions whenever there are more."""
    publish_versions(settings, read_agreements([version(1)]))
    heard: list[list[int]] = []
    first, second = Event(), Event()

    def tell(found: tuple[Agreement, ...]) -> None:
        heard.append([one.version for one in found])
        (second if len(found) > 1 else first).set()

    follower = Follower(settings, tell)
    follower.start()
    assert first.wait(30)
    publish_versions(settings, read_agreements([version(2)]))
    assert second.wait(30)
    follower.stop()
    assert heard == [[1], [1, 2]]


def test_workers_seed_the_topic_by_their_file_once(settings: Settings, version: Version):
    """The first publishes it; the others find it; a file of what comes after it is published by whoever has it."""
    for path in (version(1), version(1), version(2), version(1)):
        seeded_agreements(by(settings, path))
    assert numbers(settings) == [1, 2]
    assert sum(1 for _ in read(settings.kafka_servers, topics.AGREEMENTS, 1)) == 2
    assert [one.version for one in seeded_agreements(settings)] == [1, 2]


def test_a_worker_whose_file_says_otherwise_is_refused(settings: Settings, version: Version):
    """It is told which file, and how to mend it."""
    seeded_agreements(by(settings, version(1)))
    changed = version(1, score=60)
    with pytest.raises(BatonError, match=rf"BATON_AGREEMENT \({changed}\): acme version 1 .* raise `version` to 2"):
        seeded_agreements(by(settings, changed))


def test_a_worker_without_a_file_needs_a_published_version(settings: Settings):
    """It says that there is none, and the two ways to have one."""
    with pytest.raises(BatonError, match=r"baton agreement publish FILE.*BATON_AGREEMENT"):
        seeded_agreements(settings)


def test_before_anything_is_published_readers_go_by_the_file_and_say_so(settings: Settings, version: Version):
    """Once there is a published version, the file is nothing to them."""
    said: list[str] = []
    with pytest.raises(BatonError, match="no version of the agreement is published"):
        live_agreements(settings, said.append)
    (before,) = live_agreements(by(settings, version(1, score=60)), said.append)
    assert (before.version, len(said)) == (1, 1)
    publish_versions(settings, read_agreements([version(1), version(2)]))
    assert [one.version for one in live_agreements(by(settings, version(1, score=60)), said.append)] == [1, 2]
    assert len(said) == 1


@pytest.mark.parametrize("path", [ACME, *GOOD], ids=lambda path: path.stem)
def test_versions_as_files_are_read_as_what_they_are(path: Path, tmp_path: Path):
    """A replay by the files that `baton agreement versions --out` writes is a replay by what was published."""
    kept = tuple(map(frozen, read_agreements([path])))
    assert read_agreements(write_agreements(kept, tmp_path)) == kept
