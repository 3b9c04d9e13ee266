"""Reading agreements from files: one file, or a folder of versions."""

from collections.abc import Sequence
from pathlib import Path

from agents.errors import BatonError
from schemas.agreement import Agreement
from schemas.loader import load_versions


def read_agreements(paths: Sequence[Path]) -> tuple[Agreement, ...]:
    """Every version in the files, or in the folders' `*.yaml` and `*.yml`, by `effective`.

    Raises BatonError for what cannot be read, AgreementErrors (every error at once) for what it says.
    """
    files = [file for path in paths for file in _files(path)]
    try:
        return load_versions([(str(file), file.read_text(encoding="utf-8")) for file in files])
    except UnicodeDecodeError as error:
        raise BatonError(f"an agreement is not UTF-8: {error}") from error
    except OSError as error:
        raise BatonError(f"{error.filename}: {error.strerror}") from error


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.exists():
            raise BatonError(f"{path}: there is no such agreement; name a file, or a folder of versions")
        return [path]
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    if not found:
        raise BatonError(f"{path}: the folder has no agreement (*.yaml)")
    return found
