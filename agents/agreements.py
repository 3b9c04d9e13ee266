"""Agreements in files: one file, or a folder of versions."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ruamel.yaml import YAML

from agents.errors import BatonError
from schemas.agreement import Agreement
from schemas.loader import load_versions


def read_agreements(paths: Sequence[Path]) -> tuple[Agreement, ...]:
    """Every version in the files, or in the folders' `*.yaml` and `*.yml`, by `effective`.

    Raises BatonError for what cannot be read, AgreementErrors (every error at once) for what it says.
    """
    files = [file for path in paths for file in _files(path)]
    return load_versions([(str(file), _text(file)) for file in files])


def write_agreements(agreements: Iterable[Agreement], folder: Path) -> list[Path]:
    """Write each version as a file of its own, which is read as what it is, into a folder; returns the files.

    Raises BatonError.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel has the type of its default, None
    yaml.width = 110
    yaml.representer.ignore_aliases = lambda _: True
    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for agreement in agreements:
            files.append(folder / f"{agreement.agreement}-{agreement.version}.yaml")
            with files[-1].open("w", encoding="utf-8") as file:
                yaml.dump(agreement.model_dump(mode="json", by_alias=True), file)
    except OSError as error:
        raise BatonError(f"{error.filename}: {error.strerror}") from error
    return files


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BatonError(f"{file}:{line}: this is no UTF-8: save the file with that encoding") from None
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
