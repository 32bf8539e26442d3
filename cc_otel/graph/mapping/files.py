"""Files: their vertices, and the edges from the spans that touched or found them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from cc_otel import conventions as c
from cc_otel.graph.mapping.edges import edge, ends, shared
from cc_otel.graph.mapping.keys import file_key
from cc_otel.graph.mapping.lists import count, objects, texts, word
from cc_otel.graph.mapping.reading import Reading
from cc_otel.graph.mapping.values import text
from cc_otel.graph.model import FILES, SEARCHED, TOUCHED
from cc_otel.graph.store import Document, Edge, Vertex

_EXTENSION_CHARS_MAX: Final = 12


def file(reading: Reading, key: str, along: Document) -> Iterable[Vertex | Edge]:
    """Return the files that a span names, and the edges that say how it touched them."""
    attributes = reading.span.attributes
    if c.FILES in attributes and (found := objects(attributes, c.FILES)):
        return _touched(reading, key, along, found)
    if not (path := reading.path):
        return ()
    vertex, op = _file(reading, path, along), reading.operation
    return vertex, edge(TOUCHED, key, 0, ends(vertex), along, label=op, op=op)


def _touched(
    reading: Reading, key: str, along: Document, found: Iterable[Mapping[str, Any]]
) -> Iterator[Vertex | Edge]:
    named = (item for item in found if word(item, "path"))
    for number, item in enumerate(named):
        vertex, op = _file(reading, word(item, "path"), along), word(item, "op") or "touch"
        ranges = item.get("ranges")
        yield vertex
        yield edge(
            TOUCHED,
            key,
            number,
            ends(vertex),
            along,
            label=op,
            op=op,
            rule=word(item, "rule") or None,
            certainty=word(item, "certainty") or None,
            lines_added=count(item, "lines_added"),
            lines_removed=count(item, "lines_removed"),
            ranges=[it for it in ranges if isinstance(it, str)] if isinstance(ranges, list) and ranges else None,
        )


def searched(reading: Reading, key: str, along: Document) -> Iterator[Vertex | Edge]:
    """Return the files that a search found, as many as its span names, and the edges to them with their true number."""
    attributes = reading.span.attributes
    if c.SEARCHED not in attributes:
        return
    for number, path in enumerate(texts(attributes, c.SEARCHED)):
        vertex = _file(reading, path, along)
        yield vertex
        yield edge(SEARCHED, key, number, ends(vertex), along, label="found", count=count(attributes, c.SEARCHED_COUNT))


def _file(reading: Reading, path: str, along: Document) -> Vertex:
    repository, relative = place(reading, path)
    name = relative.rpartition("/")[2] or relative
    stem, dot, extension = name.rpartition(".")
    known = dot and stem and len(extension) <= _EXTENSION_CHARS_MAX
    return shared(
        FILES,
        file_key(relative, repository),
        "file",
        name,
        along,
        path=relative,
        repository=repository or None,
        extension=extension if known else None,
    )


def place(reading: Reading, path: str) -> tuple[str, str]:
    """Return the repository that a file lies in, and its path there; without one, its path as it is."""
    attributes = reading.span.attributes
    repository, root = text(attributes, c.VCS_REPOSITORY), text(attributes, c.VCS_ROOT).rstrip("/")
    if repository and root and path.startswith(root + "/"):
        return repository, path[len(root) + 1 :]
    return "", path
