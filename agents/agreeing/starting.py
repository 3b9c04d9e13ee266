"""The agreement to begin with, commented in the reader's language."""

from importlib.resources import files

from agents.language import Code

__all__ = ["starter"]


def starter(language: Code) -> str:
    """YAML of a company with two teams: the same in every language but for its comments, glossary, place and money."""
    template = files("agents.agreeing") / "templates" / f"starter.{language}.yaml"
    return template.read_text(encoding="utf-8")
