"""Files of events: what is written is read again, and a file that cannot be read says why."""

import io
import json
import sys
from random import Random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from agents import files
from agents.files import FileError, read_events, write_events
from agents.replaying.chunks import Source, chunk_up, lines_of

EVENTS = [{"id": str(number), "data": {"company": "Ñandú & Açaí\n"}} for number in range(1000)]


@pytest.fixture(params=["events.jsonl", "events.jsonl.zst"])
def path(request, tmp_path):
    return tmp_path / request.param


def test_reads_what_was_written(path):
    """Events written to a file, plain or compressed, come back one a line and in order."""
    assert write_events(iter(EVENTS), path) == 1000
    assert [json.loads(line) for line in read_events(path)] == EVENTS


def test_writes_no_events(path):
    """No events make an empty file, which is read as no events."""
    assert write_events([], path) == 0
    assert list(read_events(path)) == []


def test_compressed_file_is_smaller(tmp_path):
    """A path that ends in .zst is compressed."""
    for name in ("a.jsonl", "a.jsonl.zst"):
        write_events(EVENTS, tmp_path / name)
    assert (tmp_path / "a.jsonl.zst").stat().st_size < (tmp_path / "a.jsonl").stat().st_size / 5


def test_reads_line_by_line(tmp_path):
    """Blank lines, Windows line ends and a last line without an end are read as they stand, so line n is line n."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"a\r\n\nb\n\x85c")
    assert list(read_events(file)) == [b"a", b"", b"b", b"\x85c"]


def test_the_mark_that_windows_writes_is_no_part_of_the_first_line(path):
    """A file that begins with a byte order mark has the same lines as without."""
    text = b"\xef\xbb\xbf{}\n\xef\xbb\xbf\n"
    path.write_bytes(zstandard.compress(text) if path.suffix == ".zst" else text)
    assert list(read_events(path)) == [b"{}", b"\xef\xbb\xbf"]
    (chunk,) = chunk_up([Source("it", path)])
    assert lines_of(chunk) == [b"{}", b"\xef\xbb\xbf"]


@given(st.lists(st.lists(st.binary(max_size=20).map(lambda text: text.replace(b"\n", b"").replace(b"\r", b"")))))
def test_reads_frames_written_one_after_the_other(tmp_path_factory, frames):
    """A compressed file made of several (as by `cat`) holds the lines of all of them."""
    file = tmp_path_factory.mktemp("frames") / "events.jsonl.zst"
    texts = [b"".join(line + b"\n" for line in lines) for lines in frames]
    file.write_bytes(b"".join(zstandard.compress(text) for text in texts))
    assert list(read_events(file)) == [line for lines in frames for line in lines]


def test_no_line_is_lost_where_the_file_is_read_in_pieces(tmp_path, monkeypatch):
    """A compressed file that is read in many small pieces has the same lines."""
    monkeypatch.setattr(files, "CHUNK", 1000)
    events = [{"id": Random(number).randbytes(40).hex()} for number in range(20_000)]  # too various to be packed away
    write_events(events, tmp_path / "events.jsonl.zst")
    assert [json.loads(line) for line in read_events(tmp_path / "events.jsonl.zst")] == events


def test_writes_as_the_events_come(tmp_path):
    """No event waits for the one after the next: a stream of any length is written as it comes."""
    alive = []

    def stream():
        for number in range(50_000):
            alive.append(number)
            yield {"number": number}
            alive.pop()
            assert not alive

    assert write_events(stream(), tmp_path / "events.jsonl.zst") == 50_000


def test_standard_streams(monkeypatch):
    """The path - is the standard output when writing and the standard input when reading."""
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", out)
    write_events(EVENTS, "-")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(out.buffer.getvalue())))
    assert [json.loads(line) for line in read_events("-")] == EVENTS


def test_missing_file_is_told(tmp_path):
    """A file or a folder that is not there is told by its path, in reading and in writing."""
    with pytest.raises(FileError, match=r"nothing\.jsonl: there is no such file"):
        list(read_events(tmp_path / "nothing.jsonl"))
    with pytest.raises(FileError, match="there is no such file or folder"):
        write_events(EVENTS, tmp_path / "nowhere" / "events.jsonl")


def test_folder_is_no_file(tmp_path):
    """A folder given as a file is told."""
    with pytest.raises(FileError, match="cannot be read: Is a directory"):
        list(read_events(tmp_path))


@pytest.mark.parametrize("keep", [slice(0, -20), slice(20, None)])
def test_damaged_compressed_file_is_told(tmp_path, keep):
    """A compressed file that was cut off, at either end, is told as damaged and not taken for whole."""
    file = tmp_path / "events.jsonl.zst"
    write_events(EVENTS, file)
    file.write_bytes(file.read_bytes()[keep])
    with pytest.raises(FileError, match="damaged"):
        list(read_events(file))


def test_a_fault_of_the_events_is_not_the_files(tmp_path):
    """An error in making the events passes through as it is, and is not laid on the file."""

    def broken():
        yield EVENTS[0]
        raise OSError("the disk of somebody else")

    with pytest.raises(OSError, match="somebody else"):
        write_events(broken(), tmp_path / "events.jsonl")
