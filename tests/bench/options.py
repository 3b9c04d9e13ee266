"""How large and how long a benchmark is, by environment variables that begin with `BENCH_`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from tests.services import ROOT

ACME = ROOT / "deploy" / "agreements" / "acme.yaml"


class Options(BaseSettings):
    """What may be set; some defaults differ by command, and are given where it begins."""

    model_config = SettingsConfigDict(env_prefix="BENCH_", frozen=True)

    runs: int = Field(3, ge=1, description="Runs of each system; medians are told.")
    leads: int | None = Field(None, ge=100, description="Leads in the log.")
    slow_leads: int | None = Field(
        None, ge=100, description="Leads for the ordinary Faust agent; default: a twentieth."
    )
    only: str = Field("", description="Names of systems, by comma; empty: all.")
    seed: int = 7
    limit_s: float = Field(600, gt=0, description="Seconds that one run may take.")
    seconds: float = Field(30, gt=0, description="Seconds of each measurement of latency.")
    rate: float | None = Field(None, gt=0, description="The maximum rate that latency is told for; default: measured.")
    quix_python: Path = Field(ROOT / ".venv-bench" / "bin" / "python", description="The Python that has Quix Streams.")
