"""Notifications beside an engine: each worker takes part, and one of all sends."""

import asyncio
from typing import TYPE_CHECKING

from agents.engine.worker import Worker
from streams.terms import Versions

if TYPE_CHECKING:
    from agents.notifying.notifier import Notifier

__all__ = ["Beside", "notify_beside"]


class Beside:
    """Sends a worker's notifications from the first version of the agreement on that has some."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._has_some = asyncio.Event()
        self.notifier: Notifier | None = None
        """None until there is a version with notifications."""
        self.adopt(worker.versions)

    def adopt(self, versions: Versions) -> None:
        """Go by these versions from now on. On the event loop, once that runs."""
        if self.notifier is not None:
            self.notifier.adopt(versions)
        elif any(terms.agreement.notifications is not None for terms in versions.all):
            from agents.notifying.notifier import Notifier  # noqa: PLC0415  takes long to import, and most have none

            self.notifier = Notifier(self._worker.settings, versions)
            self._has_some.set()

    async def run(self) -> None:
        """Run until cancelled."""
        await self._has_some.wait()
        if self.notifier is not None:
            await self.notifier.run()


def notify_beside(worker: Worker) -> Beside | None:
    """Have a worker send notifications, where a version of its agreement has some, if the settings allow it.

    Call it before the worker runs.
    """
    if not worker.settings.notify:
        return None
    beside = Beside(worker)
    worker.app.task(beside.run)
    worker.listeners.append(beside.adopt)
    return beside
