"""Notifications beside an engine: each worker takes part, and one of all sends."""

from typing import TYPE_CHECKING

from agents.engine.worker import Worker

if TYPE_CHECKING:
    from agents.notifying.notifier import Notifier

__all__ = ["notify_beside"]


def notify_beside(worker: Worker) -> "Notifier | None":
    """Have a worker send notifications, if a version of its agreement has some and the settings allow it.

    Call it before the worker runs.
    """
    has_some = any(terms.agreement.notifications is not None for terms in worker.versions.all)
    if not (worker.settings.notify and has_some):
        return None
    from agents.notifying.notifier import Notifier  # noqa: PLC0415  takes long to import, and most have none

    notifier = Notifier(worker.settings, worker.versions)
    worker.app.task(notifier.run)
    return notifier
