"""Commands: what a span ran in a shell, by the text that stands for it however its numbers and paths were."""

from collections.abc import Iterator
from typing import Final

from cc_otel import conventions as c
from cc_otel.graph.mapping.edges import edge, ends, shared
from cc_otel.graph.mapping.keys import digest
from cc_otel.graph.mapping.lists import objects, word
from cc_otel.graph.mapping.reading import Reading
from cc_otel.graph.mapping.values import text
from cc_otel.graph.model import COMMANDS, RAN
from cc_otel.graph.store import Document, Edge, Vertex

SAMPLE_CHARS_MAX: Final = 500

_COMMAND_LINE: Final = "process.command_line"


def command(reading: Reading, key: str, along: Document) -> Iterator[Vertex | Edge]:
    """Return the commands of a span in the order of its chain, and the edges to them."""
    attributes = reading.span.attributes
    if c.COMMAND_PARTS in attributes:
        for number, part in enumerate(objects(attributes, c.COMMAND_PARTS)):
            masked = word(part, "masked") or word(part, "exact")
            if masked:
                vertex = shared(
                    COMMANDS,
                    word(part, "key") or digest(masked),
                    "command",
                    masked,
                    along,
                    program=word(part, "program") or None,
                    subcommand=word(part, "subcommand") or None,
                    **{"class": word(part, "class") or "other"},
                    sample=masked[:SAMPLE_CHARS_MAX],
                )
                yield vertex
                yield edge(
                    RAN,
                    key,
                    number,
                    ends(vertex),
                    along,
                    label="ran",
                    position=number,
                    directory=word(part, "dir") or None,
                )
    elif line := text(attributes, _COMMAND_LINE):
        # Another producer's: nothing has taken it apart.
        program = line.split(maxsplit=1)[0] if line.strip() else ""
        vertex = shared(
            COMMANDS,
            digest(line),
            "command",
            line,
            along,
            program=program or None,
            **{"class": "other"},
            sample=line[:SAMPLE_CHARS_MAX],
        )
        yield vertex
        yield edge(RAN, key, 0, ends(vertex), along, label="ran", position=0)
