"""Doing tasks on several cores, with few of them under way at once, and their results in the tasks' order."""

import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from threading import Thread
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

from agents.errors import BatonError

R = TypeVar("R")
Task: TypeAlias = tuple[Callable[..., R], tuple[Any, ...]]  # each function has its own arguments
Each: TypeAlias = Callable[[Iterable[Task[R]]], Iterator[R]]


@contextmanager
def workers(jobs: int) -> Iterator["Workers"]:
    """So many processes; with one, the tasks are done here. Those that are not begun at an error are given up."""
    if jobs == 1:
        yield Workers(None, 1)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin)
    try:
        with _main_hidden():
            yield Workers(pool, jobs)
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep new processes from importing the program that runs: for `baton` that is every command, and seconds."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class Workers:
    """Does tasks: a function of a module, and its arguments, which can be pickled."""

    def __init__(self, pool: ProcessPoolExecutor | None, jobs: int) -> None:
        self._pool = pool
        self._most = 2 * jobs

    def each(self, function: Callable[..., R], tasks: Iterable[tuple[Any, ...]]) -> Iterator[R]:  # as above
        """The results of the function for each tuple of arguments, in their order.

        Arguments are taken only as they are needed. Raises what the function raises, and BatonError when a
        process was killed.
        """
        if self._pool is None:
            for task in tasks:
                yield _without_collecting(function, *task)
            return
        waiting: deque[Future[R]] = deque()
        try:
            for task in tasks:
                waiting.append(self._pool.submit(_without_collecting, function, *task))
                if len(waiting) > self._most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise BatonError("a process of the replay was killed, maybe for its memory; try --jobs 1") from None


def _without_collecting(function: Callable[..., R], *arguments: Any) -> R:  # noqa: ANN401  the function's own
    """Call it without looking for cycles meanwhile: what it makes has none, and looking costs a fifth of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return function(*arguments)
    finally:
        if collecting:
            gc.enable()


def _begin() -> None:
    """Leave Ctrl-C to the process that started this one, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
