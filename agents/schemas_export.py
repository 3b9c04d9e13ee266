"""The reference that is made from the code: schemas, topics and settings, written or compared with what is there."""

import json
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from agents.asyncapi import asyncapi
from agents.errors import BatonError
from agents.settings import Settings
from schemas.export import json_schemas

__all__ = ["REFERENCE", "differing", "reference", "write_reference"]

REFERENCE: Final = Path("docs/reference")
"""Where it stands in the project."""

_SETTINGS: Final = """\
# Settings

Made from `agents/settings.py` by `baton schemas export`: change it there.

Environment variables. One that cannot be used ends the command with a line that names it, and exit code 2.

| variable | default | meaning |
|---|---|---|
"""


def reference() -> dict[str, str]:
    """Every file, by its path below `REFERENCE`, with what it holds."""
    schemas = {f"schemas/{name}.json": _json(schema) for name, schema in json_schemas().items()}
    return {**schemas, "schemas/asyncapi.json": _json(asyncapi()), "settings.md": _settings()}


def write_reference(folder: Path) -> list[Path]:
    """Write every file below a folder, and say which. Raises BatonError."""
    written = []
    for name, text in reference().items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BatonError(f"{path}: cannot be written: {error.strerror}") from error
        written.append(path)
    return written


def differing(folder: Path) -> list[str]:
    """The files below a folder that are not as the code has them: other, missing, or of no type that is known."""
    made = reference()
    other = [name for name, text in made.items() if _text_of(folder / name) != text]
    left_over = [
        f"schemas/{path.name}" for path in (folder / "schemas").glob("*") if f"schemas/{path.name}" not in made
    ]
    return sorted(other + left_over)


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _json(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _settings() -> str:
    return _SETTINGS + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    prefix = Settings.model_config["env_prefix"]
    bounds = "".join(f" {_BOUNDS[key]} {value}." for key, value in _bounds(field) if key in _BOUNDS)
    return f"| `{prefix}{name.upper()}` | {_default(field)} | {field.description}{_choices(field)}{bounds} |\n"


_BOUNDS: Final = {"ge": "From", "gt": "More than", "le": "To", "lt": "Less than"}


def _bounds(field: FieldInfo) -> list[tuple[str, object]]:
    return [(key, getattr(part, key)) for part in field.metadata for key in _BOUNDS if hasattr(part, key)]


def _choices(field: FieldInfo) -> str:
    choices = getattr(field.annotation, "__args__", ())
    texts = [f"`{choice}`" for choice in choices if isinstance(choice, str)]
    return f" One of {', '.join(texts)}." if texts else ""


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or isinstance(value, SecretStr):
        return "not set"
    return f"`{value}`" if str(value) else "empty"
