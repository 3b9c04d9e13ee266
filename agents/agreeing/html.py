"""The document as one page of HTML that needs nothing else, and that prints on A4."""

from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from agents.agreeing.document import Block, Document

__all__ = ["to_html"]


def to_html(document: Document) -> str:
    """The page, whole; what an agreement says is escaped. It is well-formed XML too, but for its first line."""
    return _environment().get_template("document.html.j2").render(document=document)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("agents.agreeing"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["kind_of"] = _kind_of
    return environment


def _kind_of(block: Block) -> str:
    """The macro that lays a block out: it has the name of the block's class."""
    return type(block).__name__.lower()
