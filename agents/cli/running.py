"""`baton engine`: a worker, after all that it needs was found to be there."""

from agents.engine.worker import Worker, run
from agents.limits import check_limits
from agents.metrics.pages import check_port, serve
from agents.notifying.beside import notify_beside
from agents.own_folder import own_store
from agents.projection.projector import project
from agents.promising.teller import say_promises
from agents.settings import Settings
from agents.versions import seeded_agreements


def engine() -> None:
    """Run a worker until it is told to stop. Start as many as there are partitions, at most."""
    settings = Settings()
    check_port(settings)
    check_limits(settings)
    with own_store(settings):
        worker = Worker(settings, seeded_agreements(settings))
        projector = project(worker) if settings.redis_url else None
        notify_beside(worker)
        say_promises(worker)
        if settings.metrics_port:
            serve(worker, projector)
        run(worker)
