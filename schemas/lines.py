"""YAML 1.2 as plain data, with the line and column of everything in it.

Words stay words (`on`, `no`), and dates and times stay the text that was written.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.reader import ReaderError

from schemas.phrases import Loc

Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | float | bool | None"

LARGEST: Final = 100_000
"""More values than any agreement has: aliases of aliases can stand for far more than is written."""

_TAG: Final = "tag:yaml.org,2002:"
_KEPT_AS_WRITTEN: Final = {f"{_TAG}str", f"{_TAG}timestamp"}
_READ: Final = {f"{_TAG}{name}" for name in ("int", "float", "bool", "null")}
_COLLECTIONS: Final = {f"{_TAG}map", f"{_TAG}seq"}


_HINTS: Final = {
    "found character '\\t'": "a tab; write spaces instead, as many as the lines beside it begin with",
    "mapping values are not allowed": "no ':' may stand here; put a text with ': ' in it in quotes, or begin this line "
    "below the first letter of the keys that it belongs with",
    "expected <block end>": "this line begins further left or right than those it belongs with (line {opened} and on); "
    "begin it below their first letter",
    "expected ',' or": "the list or object that opens on line {opened} cannot go on like this; look for a comma, a "
    "closing bracket or a quote that is missing before here",
    "found undefined alias": "a text that begins with '*' must be in quotes",
    "that cannot start any token": "no text begins with this character; put the text in quotes",
    "could not find expected ':'": "line {opened} is no key and value; write a colon and a space between them, such as "
    "version: 3",
    "found another document": "a file holds one agreement; delete this '---', or put what follows in another file",
    "found unexpected end of stream": "the quote that opens on line {opened} is never closed; close it",
}
"""What to do about the errors of YAML that people make most, by a part of the parser's own words."""


class Place(NamedTuple):
    """A line and a column, both from 1."""

    line: int
    column: int


class Fault(NamedTuple):
    """What in the YAML is no plain data, and where."""

    path: Loc
    place: Place
    message: str
    hides: bool = False
    """Whether the value at `path` could not be read, so that what else is said of it means nothing."""


class SyntaxFaultError(Exception):
    """What is written is no YAML at all: one fault, at the place where reading it ended."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Document:
    """A file's data, where each key or item and each value of it stands, and what had to be left out."""

    data: Plain
    keys: dict[Loc, Place]
    values: dict[Loc, Place]
    faults: list[Fault]


def read_lines(text: str) -> Document:
    """Read one YAML document. Raises SyntaxFaultError."""
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # an anchor may be used again; a warning on stderr helps nobody
    try:
        root = yaml.compose(text)
        return _Reader(yaml).read(root)
    except MarkedYAMLError as error:
        raise SyntaxFaultError(_syntax_fault(error)) from None
    except ReaderError as error:
        place = Place(text.count("\n", 0, error.position) + 1, 1)
        raise SyntaxFaultError(Fault((), place, "a character here is not allowed in YAML: delete it")) from None
    except YAMLError as error:
        raise SyntaxFaultError(Fault((), Place(1, 1), f"this is no YAML: {error}")) from None
    except RecursionError:
        message = "this is nested too deep: an agreement is a few levels deep"
        raise SyntaxFaultError(Fault((), Place(1, 1), message)) from None


def _syntax_fault(error: MarkedYAMLError) -> Fault:
    start = f" that starts on line {error.context_mark.line + 1}" if error.context_mark else ""
    context = f" ({error.context}{start})" if error.context else ""
    said = str(error.problem)
    opened = error.context_mark.line + 1 if error.context_mark else 1
    hints = (hint.format(opened=opened) for sign, hint in _HINTS.items() if sign in said)
    place = _place(error.problem_mark or error.context_mark)
    return Fault((), place, f"this is no YAML: {next(hints, f'{said}{context}')}")


def _place(mark: StringMark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


class _Reader:
    """Turns nodes of YAML into plain data, noting their places."""

    def __init__(self, yaml: YAML) -> None:
        self._yaml = yaml
        self._open: list[Node] = []
        self._count = 0
        self._document = Document(None, {}, {}, [])

    def read(self, root: Node | None) -> Document:
        keys, values, faults = self._document.keys, self._document.values, self._document.faults
        data = None if root is None else self._value(root, ())
        return Document(data, keys, values, faults)

    def _value(self, node: Node, path: Loc) -> Plain:
        self._document.values[path] = _place(node.start_mark)
        self._count += 1
        if self._count > LARGEST:
            return self._hidden(node, path, f"this file has more than {LARGEST} values: use fewer aliases")
        if any(node is outer for outer in self._open):
            return self._hidden(node, path, "this alias stands for something that it is in: write it out")
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if node.tag not in _COLLECTIONS:
            return self._hidden(node, path, f"the tag {node.tag} is not known here: leave it out")
        self._open.append(node)
        data = self._mapping(node, path) if isinstance(node, MappingNode) else self._sequence(node, path)
        self._open.pop()
        return data

    def _sequence(self, node: Node, path: Loc) -> Plain:
        for index, item in enumerate(node.value):
            self._document.keys[*path, index] = _place(item.start_mark)
        return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: MappingNode, path: Loc) -> Plain:
        data: dict[str, Plain] = {}
        for key, value in node.value:
            name = self._key(key, path)
            if name is None:
                continue
            if name in data:
                first = self._document.keys[*path, name]
                self._fault(key, (*path, name), f"'{name}' is on line {first.line} already: write it once")
                continue
            self._document.keys[*path, name] = _place(key.start_mark)
            data[name] = self._value(value, (*path, name))
        return data

    def _key(self, node: Node, path: Loc) -> str | None:
        if isinstance(node, ScalarNode) and node.tag in _KEPT_AS_WRITTEN | _READ and _is_unicode(node.value):
            return str(node.value)
        message = "a key must be plain text: write it out"
        if node.tag == f"{_TAG}merge":
            message = "'<<' is no key of YAML 1.2: write out what it would bring in"
        self._fault(node, path, message)
        return None

    def _scalar(self, node: ScalarNode, path: Loc) -> Plain:
        if not _is_unicode(node.value):
            return self._hidden(node, path, "this text holds half a character (a surrogate): write the whole one")
        if node.tag in _KEPT_AS_WRITTEN:
            return str(node.value)
        if node.tag not in _READ:
            return self._hidden(node, path, f"the tag {node.tag} is not known here: leave it out")
        try:
            value: int | float | bool | None = self._yaml.constructor.construct_object(node)
        except (ValueError, YAMLError):
            return self._hidden(
                node, path, f"'{node.value[:40]}' cannot be read as what it should be: put it in quotes, without a tag"
            )
        return value

    def _fault(self, node: Node, path: Loc, message: str) -> None:
        self._document.faults.append(Fault(path, _place(node.start_mark), message))

    def _hidden(self, node: Node, path: Loc, message: str) -> Plain:
        self._document.faults.append(Fault(path, _place(node.start_mark), message, hides=True))
        return None


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
