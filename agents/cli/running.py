"""`baton engine`: a worker, after all that it needs was found to be there."""

from agents.administration import check_topics
from agents.agreements import read_agreements
from agents.engine.worker import Worker, run
from agents.errors import BatonError
from agents.metrics.pages import check_port, serve
from agents.notifying.beside import notify_beside
from agents.projection.projector import project
from agents.settings import Settings


def engine() -> None:
    """Run a worker until it is told to stop. Start as many as there are partitions, at most."""
    settings = Settings()
    if settings.agreement is None:
        raise BatonError("BATON_AGREEMENT is not set: name the agreement's file")
    agreements = read_agreements([settings.agreement])
    check_port(settings)
    check_topics(settings)
    worker = Worker(settings, agreements)
    projector = project(worker) if settings.redis_url else None
    notify_beside(worker)
    if settings.metrics_port:
        serve(worker, projector)
    run(worker)
