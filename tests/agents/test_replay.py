"""`baton replay`: the same bytes from the same events, however they lie in files, on however many cores."""

import io
import json
import os
import random
import re
import select
import subprocess
import sys
import threading
from datetime import UTC, datetime

import msgspec
import pytest
import zstandard

from agents import replaying
from agents.agreements import read_agreements
from agents.cli import main
from agents.errors import BatonError
from agents.replaying import chunks, replay
from agents.replaying.workers import workers
from agents.simulation import simulate
from schemas.compact import micros
from tests.services import ROOT

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"
FILES = {
    "clocks.jsonl",
    "leads.jsonl",
    "funnel.json",
    "credits.jsonl",
    "promises.json",
    "quarantine.jsonl",
    "summary.json",
}
OF_LINES = {"quarantine.jsonl", "summary.json"}
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def agreements():
    return read_agreements([ACME])


@pytest.fixture(scope="module")
def lines():
    """Three months of a company, as lines."""
    return [msgspec.json.encode(event) for event in simulate(11, 200, START, 60)]


@pytest.fixture
def small_chunks(monkeypatch):
    """Even a short file is many chunks and buckets."""
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 5_000)
    monkeypatch.setattr(replaying, "BUCKET_BYTES", 50_000)


def write(path, lines):
    content = b"".join(line + b"\n" for line in lines)
    path.write_bytes(zstandard.compress(content) if path.suffix == ".zst" else content)
    return str(path)


def report(out, without=OF_LINES):
    """The files of a report, by name."""
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name not in without}


def summary(out):
    return json.loads((out / "summary.json").read_bytes())


def quarantine(out):
    return [json.loads(line) for line in (out / "quarantine.jsonl").read_bytes().splitlines()]


def leads(out):
    return {lead["lead"]: lead for lead in map(json.loads, (out / "leads.jsonl").read_bytes().splitlines())}


def event(ident="1", subject="lead-1", time="2026-01-05T09:00:00Z", kind="page_view", **data):
    data = {"kind": kind, "party": "lead"} | data
    attributes = {"specversion": "1.0", "id": ident, "source": "/site", "type": "baton.touchpoint.v1"}
    return msgspec.json.encode(attributes | {"subject": subject, "time": time, "data": data})


def baton(monkeypatch, *arguments):
    """Run the command line; its exit code."""
    monkeypatch.setattr(sys, "argv", ["baton", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


def test_every_file_is_written_of_nothing(agreements, tmp_path):
    """An empty log gives every file of the report, and nothing else in the folder."""
    replay(agreements, [write(tmp_path / "log.jsonl", [])], tmp_path / "new" / "out")
    written = report(tmp_path / "new" / "out", without=())
    assert written.keys() == FILES
    assert (written["promises.json"], written["clocks.jsonl"], written["leads.jsonl"]) == (b"[]\n", b"", b"")
    assert json.loads(written["funnel.json"])["stages"]["visitor"]["ever"] == 0


@pytest.mark.usefixtures("small_chunks")
def test_the_order_of_files_and_lines_is_nothing(agreements, lines, tmp_path):
    """The same events, shuffled and told twice, in other files, some compressed, give the same bytes."""
    replay(agreements, [write(tmp_path / "log.jsonl", lines)], tmp_path / "one")
    shuffled = [*lines, *lines[:100]]
    random.Random(5).shuffle(shuffled)
    parts = [
        write(tmp_path / name, shuffled[start::3]) for start, name in enumerate(["c.jsonl", "b.jsonl.zst", "a.jsonl"])
    ]
    replay(agreements, parts, tmp_path / "other")
    assert report(tmp_path / "one") == report(tmp_path / "other")
    assert len(leads(tmp_path / "one")) == 200
    assert summary(tmp_path / "other")["duplicate"] == 100


@pytest.mark.usefixtures("small_chunks")
def test_processes_change_nothing(agreements, lines, tmp_path, monkeypatch):
    """Two processes write what one writes, to the byte, quarantine and summary too."""
    mixed = [*lines[:500], b"no event", *lines[500:], event(time="2026-01-02T00:00:00Z"), event()]
    inputs = [write(tmp_path / "log.jsonl", mixed), write(tmp_path / "more.jsonl.zst", mixed)]
    replay(agreements, inputs, tmp_path / "one", jobs=1)
    monkeypatch.setattr(replaying, "WORTH_A_POOL", 0)
    replay(agreements, inputs, tmp_path / "two", jobs=2)
    assert report(tmp_path / "one", without=()) == report(tmp_path / "two", without=())
    assert summary(tmp_path / "two")["quarantined"] == 2


@pytest.mark.parametrize("size", [1, 7, 300, 1000, 10**6])
def test_every_line_is_read_once_wherever_files_are_cut(agreements, tmp_path, monkeypatch, size):
    """Lines longer and shorter than a chunk, blank ones and a last one without an end are read once, and counted."""
    monkeypatch.setattr(chunks, "CHUNK_BYTES", size)
    good = [event(str(number), asset="x" * (1 + number * 37 % 250)) for number in range(20)]
    content = b"\n".join([*good[:10], b"", b"  \r", b"bad", *good[10:], b"worse"])
    (tmp_path / "log.jsonl").write_bytes(content)
    (tmp_path / "log.jsonl.zst").write_bytes(zstandard.compress(content.replace(b'"/site"', b'"/other"')))
    replay(agreements, [str(tmp_path / "log.jsonl"), str(tmp_path / "log.jsonl.zst")], tmp_path / "out")
    assert summary(tmp_path / "out")["folded"] == 40
    assert summary(tmp_path / "out")["read"] == 44
    assert [(entry["line"], entry["content"]) for entry in quarantine(tmp_path / "out")] == [
        (13, "bad"),
        (24, "worse"),
    ] * 2


def test_what_is_not_folded_is_told_with_its_line(agreements, tmp_path):
    """The quarantine has each line that is no event, and each content that lost a conflict, as it stands."""
    early, late = event(time="2026-01-05T09:00:00Z"), event(time="2026-01-05T10:00:00Z", campaign="x", extra=1)
    first = write(tmp_path / "first.jsonl", [late, b"\xff{", event("2"), event("2")])
    second = write(tmp_path / "second.jsonl.zst", [b'{"type": "baton.merge.v1"}', early, late])
    replay(agreements, [first, second], tmp_path / "out")
    assert [
        (entry["file"], entry["line"], entry["reason"], entry["content"]) for entry in quarantine(tmp_path / "out")
    ] == [
        (first, 1, "conflict", late.decode()),
        (first, 2, "not_utf8", "�{"),
        (second, 1, "reserved_type", '{"type": "baton.merge.v1"}'),
        (second, 3, "conflict", late.decode()),
    ]
    assert "the id '1' of source '/site'" in quarantine(tmp_path / "out")[0]["detail"]
    assert summary(tmp_path / "out") == {
        "read": 7, "folded": 2, "duplicate": 1, "conflict": 2, "too_late": 0, "quarantined": 2, "later": 0,
        "condensed": 0, "unknown_fields": {"extra": 2},
    }  # fmt: skip
    assert leads(tmp_path / "out")["lead-1"]["entered"] == {"visitor": "2026-01-05T09:00:00.000000Z"}


def test_a_conflict_has_one_outcome_in_any_order(agreements, tmp_path):
    """Of contents under one identity the same one is folded, whichever was read first."""
    contents = [
        event(time=f"2026-01-05T{hour:02}:00:00Z", campaign=name) for hour, name in [(9, "b"), (9, "a"), (8, "c")]
    ]
    for name, order in [("x", contents), ("y", contents[::-1])]:
        replay(agreements, [write(tmp_path / f"{name}.jsonl", order)], tmp_path / name)
    assert report(tmp_path / "x") == report(tmp_path / "y")
    assert leads(tmp_path / "x")["lead-1"]["entered"]["visitor"] == "2026-01-05T08:00:00.000000Z"


def test_nothing_later_than_as_of_is_folded(agreements, lines, tmp_path):
    """A replay to a time is that of a log which ends there, and counts what came later."""
    cut = "2026-02-01T00:00:00"
    early = [line for line in lines if json.loads(line)["time"][:19] < cut]
    whole, part = write(tmp_path / "log.jsonl", lines), write(tmp_path / "early.jsonl", early)
    replay(agreements, [whole], tmp_path / "cut", as_of=micros(datetime.fromisoformat(f"{cut}Z")) - 1)
    replay(agreements, [part], tmp_path / "early")
    assert report(tmp_path / "cut") == report(tmp_path / "early")
    assert summary(tmp_path / "cut")["later"] == len(lines) - len(early) > 0


def test_as_of_is_the_last_moment_that_is_folded(agreements, tmp_path):
    """An event at the very time of as-of is folded, one a microsecond later is not; a lost conflict later is later."""
    events = [event("1", time="2026-01-05T09:00:00Z"), event("2", time="2026-01-05T09:00:00.000001Z")]
    moment = micros(datetime(2026, 1, 5, 9, tzinfo=UTC))
    log = write(tmp_path / "log.jsonl", [*events, event("1", time="2026-01-06T09:00:00Z")])
    done = replay(agreements, [log], tmp_path / "out", as_of=moment)
    assert (done.folded, done.later, done.conflict) == (1, 2, 0)


def test_a_lead_with_very_many_touchpoints_is_condensed(agreements, tmp_path):
    """Of more than a thousand touchpoints of a kind the first thousand are folded; the line and the summary say so."""
    visits = [event(str(n), time=f"2026-01-05T{9 + n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z") for n in range(1003)]
    replay(agreements, [write(tmp_path / "log.jsonl", visits[::-1])], tmp_path / "out")
    assert leads(tmp_path / "out")["lead-1"]["touches"] == 1000
    assert leads(tmp_path / "out")["lead-1"]["condensed"] is True
    assert summary(tmp_path / "out")["condensed"] == 3


@pytest.mark.usefixtures("small_chunks")
def test_leads_are_sorted_by_code_points(agreements, tmp_path):
    """Lines stand in the order of their leads' code points, also where that is not the order of UTF-16 or JSON."""
    names = ["z", "Z", "é", "\uffe0", "😀", 'a"b', "a b", "a\\b", "a/b", "a", "10", "9"]
    replay(agreements, [write(tmp_path / "log.jsonl", [event(subject=name) for name in names])], tmp_path / "out")
    assert list(leads(tmp_path / "out")) == sorted(names)


def test_reads_standard_input_and_pipes(agreements, lines, tmp_path, monkeypatch):
    """What comes through standard input and through a named pipe is folded as from a file, conflicts and all."""
    mixed = [*lines, event(), event(time="2026-01-04T00:00:00Z")]
    replay(agreements, [write(tmp_path / "log.jsonl", mixed), write(tmp_path / "b.jsonl", mixed)], tmp_path / "files")
    content = (tmp_path / "log.jsonl").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    replay(agreements, ["-", str(pipe)], tmp_path / "piped")
    writer.join()
    assert report(tmp_path / "files") == report(tmp_path / "piped")
    assert [entry["file"] for entry in quarantine(tmp_path / "piped")] == ["-", str(pipe)]


@pytest.mark.usefixtures("small_chunks")
def test_progress_is_told(agreements, lines, tmp_path):
    """Whoever watches hears of both halves, up to their ends."""
    told = []
    replay(agreements, [write(tmp_path / "l.jsonl", lines)], tmp_path / "out", watch=lambda *words: told.append(words))
    ends = {doing: (done, of) for doing, done, of in told}
    assert len(ends) == 3
    assert all(done == of for done, of in ends.values())


def test_the_command_takes_versions_in_every_way(monkeypatch, tmp_path):
    """Versions come by options, as a folder, or among the files, and give the same report."""
    first, text = tmp_path / "terms" / "1.yaml", ACME.read_text()
    first.parent.mkdir()
    first.write_text(text)
    second = tmp_path / "terms" / "2.yaml"
    second.write_text(
        text.replace("version: 1", "version: 2").replace("effective: 2025-01-01", "effective: 2026-01-15")
        .replace("kind: form_submit}", "kind: demo}")
    )  # fmt: skip
    days = [event(f"{day}", f"lead-{day}", f"2026-01-{day}T09:00:00Z", "form_submit") for day in (10, 20)]
    log = write(tmp_path / "log.jsonl", days)
    ways = {
        "options": ["--agreement", first, "--agreement", second, log],
        "folder": ["--agreement", first.parent, log],
        "files": ["--agreement", first, second, log],
    }
    for name, arguments in ways.items():
        assert baton(monkeypatch, "replay", "--out", tmp_path / name, *arguments) == 0
    assert report(tmp_path / "options") == report(tmp_path / "folder") == report(tmp_path / "files")
    assert [lead["stage"] for lead in leads(tmp_path / "files").values()] == ["lead", "visitor"]


def wrong_inputs(tmp_path):
    log = write(tmp_path / "log.jsonl", [event()])
    damaged = tmp_path / "damaged.jsonl.zst"
    damaged.write_bytes(zstandard.compress(event() * 1000)[:-9])
    (tmp_path / "bad.yaml").write_text(
        ACME.read_text().replace("sales: {", "sale: {").replace("version: 1", "version: x")
    )
    (tmp_path / "file").touch()
    return {
        "missing": ([log, "nowhere.jsonl"], r"error: nowhere\.jsonl: there is no such file"),
        "folder": ([log, str(tmp_path)], r"error: .*: cannot be read: Is a directory"),
        "damaged": ([log, str(damaged)], r"error: .*damaged\.jsonl\.zst: .*frame"),
        "as_of": (["--as-of", "yesterday", log], r"error: --as-of: 'yesterday' is not a time of RFC 3339"),
        "zoneless": (["--as-of", "2026-01-01T00:00:00", log], r"error: --as-of: must say its offset"),
        "no_agreement": (["--agreement", "nowhere.yaml", log], r"error: nowhere\.yaml: there is no such agreement"),
        "no_events": ([str(ACME)], r"error: no file of events"),
        "out": (["--out", str(tmp_path / "file"), log], r"error: --out .*file: is a file; name a folder"),
    }


@pytest.mark.parametrize(
    "wrong", ["missing", "folder", "damaged", "as_of", "zoneless", "no_agreement", "no_events", "out"]
)
def test_wrong_input_is_one_clear_line(wrong, tmp_path, monkeypatch, capsys):
    """What is wrong is said in one line, with exit code 2, and no folder is left behind."""
    arguments, message = wrong_inputs(tmp_path)[wrong]
    code = baton(monkeypatch, "replay", "--agreement", ACME, "--out", tmp_path / "out", *arguments)
    said = capsys.readouterr().err
    assert code == 2
    assert len(said.splitlines()) == 1
    assert re.match(message, said)
    assert not (tmp_path / "out").exists()


def test_every_error_of_an_agreement_is_told(tmp_path, monkeypatch, capsys):
    """An agreement with several errors has each told, with its line, and nothing is written."""
    wrong_inputs(tmp_path)
    log = tmp_path / "log.jsonl"
    assert baton(monkeypatch, "replay", "--agreement", tmp_path / "bad.yaml", "--out", tmp_path / "out", log) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) > 1
    assert all("bad.yaml:" in line for line in said)
    assert not (tmp_path / "out").exists()


def test_a_failed_replay_leaves_the_report_before(agreements, tmp_path):
    """A replay that breaks off half-way changes nothing in the folder of an earlier one."""
    log = write(tmp_path / "log.jsonl", [event()])
    replay(agreements, [log], tmp_path / "out")
    before = report(tmp_path / "out", without=())
    damaged = tmp_path / "damaged.jsonl.zst"
    damaged.write_bytes(zstandard.compress(event("2") * 1000)[:-9])
    with pytest.raises(BatonError):
        replay(agreements, [log, str(damaged)], tmp_path / "out")
    assert report(tmp_path / "out", without=()) == before


def test_a_process_that_is_killed_is_told():
    """A process that ends under its task is an error with something to try, and the others are ended."""
    with workers(2) as pool, pytest.raises(BatonError, match=r"killed.*--jobs 1"):
        list(pool.each(os._exit, [(1,)]))


def test_processes_end_with_the_one_that_started_them(tmp_path):
    """A replay that is killed leaves no process behind."""
    code = (
        "import os, time; from agents.replaying.workers import workers\n"
        "if __name__ == '__main__':\n"
        "    with workers(2) as pool:\n"
        "        for pid in pool.each(os.getpid, [()] * 9): print(pid, flush=True)\n"
        "        time.sleep(600)\n"
    )
    (tmp_path / "program.py").write_text(code)
    command = [sys.executable, str(tmp_path / "program.py")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as program:
        pids = {int(program.stdout.readline()) for _ in range(9)}
        ends = [os.pidfd_open(pid) for pid in pids]
        program.kill()
        for end in ends:
            assert select.select([end], [], [], 30)[0]
            os.close(end)
