"""The versions of an agreement with the files that hold them."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from agents.agreeing.composing import Source
from agents.agreements import read_agreements
from schemas.loader import load_agreement

__all__ = ["read_sources"]


def read_sources(paths: Sequence[Path]) -> list[Source]:
    """Every version in files, or in the `*.yaml` and `*.yml` of folders, in the order in which they take effect.

    Raises BatonError for what cannot be read, AgreementErrors (every error at once) for what it says.
    """
    read_agreements(paths)  # what is wrong in one of them, or between them
    sources = [_source(file) for path in paths for file in _files(path)]
    return sorted(sources, key=lambda source: source.agreement.effective)


def _source(file: Path) -> Source:
    content = file.read_bytes()
    return Source(load_agreement(content.decode(), str(file)), file.name, sha256(content).hexdigest())


def _files(path: Path) -> list[Path]:
    return [*path.glob("*.yaml"), *path.glob("*.yml")] if path.is_dir() else [path]
