"""`baton up`: all of Baton on this machine, with a simulated company to look at."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli.console import out
from agents.up.running import Options, run_up


def up(
    rate: Annotated[
        float | None,
        typer.Option(
            min=0, help="Events a second of the simulated company; 0: none. Default: 20; with BATON_KAFKA_SERVERS, 0."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which simulated company.")] = 1,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The embedded broker's. Default: a free one.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="End so long after it is ready. Default: Ctrl-C ends it.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Save the view at the end, 60 s after it is ready.")
    ] = None,
) -> None:
    """Run Baton here: broker, Redis, engine and a simulated company, and show the funnel moving.

    Kafka and Redis are embedded, and forget everything at the end; where BATON_KAFKA_SERVERS names a broker, that
    is used, with the Redis that BATON_REDIS_URL names. Ctrl-C ends all of it.
    """
    if picture is not None and seconds is None:
        seconds = 60.0
    try:
        run_up(Options(rate, seed, port, seconds, picture), out)
    except KeyboardInterrupt:
        out.print("ended")
