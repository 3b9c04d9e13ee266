"""/metrics, /livez and /readyz, on the web server of Faust's worker."""

import errno
import socket
from contextlib import closing

from faust.web import Request, Response, View
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from agents.engine.ownership import Ownership
from agents.engine.worker import Worker
from agents.errors import BatonError
from agents.metrics import definitions
from agents.metrics.clocks import ClockCounting
from agents.metrics.counting import Counting
from agents.metrics.promises import Promises, Sums
from agents.metrics.state import State, oldest
from agents.metrics.watch import Watch
from agents.projection.projector import Projector
from agents.settings import Settings


def serve(worker: Worker, projector: Projector | None) -> None:
    """Count what the worker commits, watch it, and serve what is known. Call it before the worker runs."""
    versions = worker.versions
    watch = Watch(worker, projector)
    counting = Counting(versions.latest)
    clocks = ClockCounting(versions, worker.settings.notify_max_age_s)
    sums = Sums(worker.settings, lambda: worker.partitions[0].is_open)
    state = State(versions, lambda: [owned.counts for owned in _owned(worker)])
    state.also(definitions.NOW, lambda: oldest(owned.now for owned in _owned(worker)))
    state.also(definitions.BACKLOG, watch.backlog)
    state.also(definitions.PROJECTION_BACKLOG, watch.projection_backlog)
    state.also(definitions.PARTITIONS_ASSIGNED, lambda: None if worker.assigned is None else len(worker.assigned))
    state.also(definitions.LAST_COMMIT, lambda: counting.last_commit)
    registry = CollectorRegistry()
    promises = Promises(versions, sums.rows)
    for collector in (counting, clocks, state, promises):
        registry.register(collector)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    worker.watchers += [counting, clocks]
    worker.listeners += [lambda found: counting.adopt(found.latest), clocks.adopt, state.adopt, promises.adopt]
    _add_pages(worker, registry, watch)
    watch.start()
    sums.start()


def _owned(worker: Worker) -> list[Ownership]:
    """What this worker has open."""
    return [partition.ownership for partition in worker.partitions.values() if partition.is_open]


def _add_pages(worker: Worker, registry: CollectorRegistry, watch: Watch) -> None:
    @worker.app.page("/metrics")
    async def metrics(view: View, _: Request) -> Response:
        return view.bytes(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    @worker.app.page("/livez")
    async def livez(view: View, _: Request) -> Response:
        return _verdict(view, watch.ails())

    @worker.app.page("/readyz")
    async def readyz(view: View, _: Request) -> Response:
        return _verdict(view, watch.awaits())


def _verdict(view: View, reasons: list[str]) -> Response:
    """200 and `ok`, or 503 and the reasons, a line each."""
    return view.text("".join(f"{reason}\n" for reason in reasons or ["ok"]), status=503 if reasons else 200)


def check_port(settings: Settings) -> None:
    """Raise BatonError if /metrics could not be served where the settings say. Port 0: it is not to be."""
    host, port = settings.metrics_host, settings.metrics_port
    if port == 0:
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(family, kind, protocol)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        raise BatonError(_port_trouble(error, host, port)) from error


def _port_trouble(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use: set BATON_METRICS_PORT to another one for each worker on this machine, "
            "or to 0 for none"
        )
    if error.errno == errno.EACCES:
        return f"port {port} on {host} is not for this user: set BATON_METRICS_PORT to one above 1023"
    return (
        f"cannot serve metrics on {host}, port {port}: {error.strerror}; set BATON_METRICS_HOST and BATON_METRICS_PORT"
    )
