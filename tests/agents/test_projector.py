"""The read model beside an engine, in the engine's process."""

from types import SimpleNamespace

import pytest

from agents.projection import projector
from agents.projection.projector import Projector
from agents.settings import Settings
from tests.streams.builders import versions


@pytest.mark.parametrize(("is_catching_up", "waited"), [(True, [5.0, 10.0]), (False, [])])
def test_it_leaves_time_to_an_engine_that_catches_up(monkeypatch, is_catching_up, waited):
    """While clocks wait for the engine, the read model waits five times as long as each batch took; else not at all."""
    took, waits, clock = [1.0, 2.0], [], SimpleNamespace(now=0.0)

    def advance(_wait_s: float) -> int:
        clock.now += took.pop(0)
        return 100

    monkeypatch.setattr(projector, "time", SimpleNamespace(monotonic=lambda: clock.now))
    following = Projector(Settings(redis_url="redis://nobody"), versions(), frozenset, lambda: is_catching_up)
    monkeypatch.setattr(following, "_stopping", SimpleNamespace(is_set=lambda: not took, wait=waits.append))
    following._follow(SimpleNamespace(sources=frozenset(), advance=advance, refresh=lambda: None, commit=lambda: None))
    assert waits == waited
