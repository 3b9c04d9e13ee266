"""A folder that one process at a time has: a worker's rows on disk, and what `baton up` keeps."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from os import getpid
from pathlib import Path

from agents.errors import BatonError
from agents.settings import Settings

__all__ = ["own_folder", "own_store"]


@contextmanager
def own_store(settings: Settings) -> Iterator[None]:
    """Have the folder of a store on disk for this process; in memory there is nothing to have.

    Raises BatonError where the store cannot be used, or another worker has the folder.
    """
    if settings.store == "memory":
        yield
        return
    if find_spec("rocksdict") is None:
        raise BatonError(
            "BATON_STORE=rocksdb needs rocksdict, which is not installed: pip install 'baton-smarketing[rocksdb]', "
            "or unset BATON_STORE"
        )
    folder = settings.state_dir
    what, mend = f"a worker keeps its leads in {folder} already", "give each worker its own BATON_STATE_DIR"
    with own_folder(folder, what, mend, "BATON_STATE_DIR: "):
        yield


@contextmanager
def own_folder(folder: Path, taken: str, mend: str, setting: str = "") -> Iterator[None]:
    """Have the folder for this process, and make it if need be.

    Raises BatonError: with `taken`, and how to `mend` it, where another process has it; where it cannot be used, with
    the `setting` that names it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise BatonError(f"{setting}{folder} cannot be used: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise BatonError(f"{taken} (process {lock.read() or 'unknown'}): {mend}") from None
        lock.truncate(0)
        lock.write(str(getpid()))
        lock.flush()
        yield
