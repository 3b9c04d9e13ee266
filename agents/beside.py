"""Work in a thread of its own, beside an event loop that only begins and ends it."""

import asyncio
from collections.abc import Callable


async def run_beside(start: Callable[[], None], stop: Callable[[], None]) -> None:
    """Start, and stop when cancelled; `stop` may wait, and holds up no loop."""
    start()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.to_thread(stop)
