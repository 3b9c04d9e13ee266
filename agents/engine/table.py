"""Where a partition's rows are kept: in memory, or in RocksDB on the worker's disk (DESIGN §8.6).

A store holds what the changelog says up to `position`, and nothing else; so it is never forgotten, only
read forward from there. Rows are never deleted.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

Rows = Mapping[bytes, bytes]


class StoreError(Exception):
    """A store that cannot be opened: says which folder, and why."""


class Store(Protocol):
    """The rows of one partition, and the changelog's offset up to which they are complete."""

    position: int

    def get(self, key: bytes) -> bytes | None:
        """The row of a key."""

    def write(self, rows: Rows, position: int) -> None:
        """Put rows, and move the position with them, at once."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row, in any order."""

    def begin(self, topic_id: str) -> None:
        """Say which changelog is to be read; a store that was filled from another one is wiped."""

    def wipe(self) -> None:
        """Forget every row and begin at 0."""

    def close(self) -> None:
        """Let go of what others may need; the rows stay."""


class MemoryStore:
    """Rows in a dict."""

    def __init__(self) -> None:
        self.position = 0
        self._rows: dict[bytes, bytes] = {}
        self._topic_id: str | None = None
        self.get = self._rows.get

    def write(self, rows: Rows, position: int) -> None:
        """Put rows, and move the position with them."""
        self._rows.update(rows)
        self.position = position

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row."""
        return self._rows.items()

    def begin(self, topic_id: str) -> None:
        """Wipe what was filled from another changelog."""
        if self._topic_id not in (None, topic_id):
            self.wipe()
        self._topic_id = topic_id

    def wipe(self) -> None:
        """Forget every row."""
        self._rows.clear()
        self.position = 0

    def close(self) -> None:
        """Nothing to let go of."""


class RocksStore:
    """Rows in RocksDB; the position and the topic's id are written with them, in one batch."""

    _META = b"\x00\x00store"

    def __init__(self, folder: Path) -> None:
        import rocksdict  # noqa: PLC0415  optional: only where this store is chosen

        self._rocks = rocksdict
        self._folder = folder
        self._db = self._open()
        self.position = 0
        self._topic_id = ""
        meta = self._db.get(self._META)
        if meta is not None:
            self._topic_id, self.position = msgspec.json.decode(meta, type=tuple[str, int])

    def _open(self) -> "rocksdict.Rdict":  # type: ignore[name-defined]  # noqa: F821  imported above, where it is used
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._rocks.Rdict(str(self._folder), self._rocks.Options(raw_mode=True))
        except Exception as error:
            raise StoreError(
                f"cannot open the store in {self._folder}: {error}; give each worker its own BATON_STATE_DIR"
            ) from error

    def get(self, key: bytes) -> bytes | None:
        """The row of a key."""
        row: bytes | None = self._db.get(key)
        return row

    def write(self, rows: Rows, position: int) -> None:
        """Put rows and the position in one write."""
        batch = self._rocks.WriteBatch(raw_mode=True)
        for key, row in rows.items():
            batch.put(key, row)
        batch.put(self._META, msgspec.json.encode((self._topic_id, position)))
        self._db.write(batch)
        self.position = position

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every row, in the order of the keys."""
        for key, row in self._db.items():
            if key != self._META:
                yield key, row

    def begin(self, topic_id: str) -> None:
        """Wipe what was filled from another changelog, such as one deleted and made again."""
        if self._topic_id not in ("", topic_id):
            self.wipe()
        self._topic_id = topic_id

    def wipe(self) -> None:
        """Delete the folder and begin anew."""
        self._db.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._db = self._open()
        self.position = 0

    def close(self) -> None:
        """Let another process open the folder."""
        self._db.close()
