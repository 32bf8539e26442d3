"""
What is searched as text in ArangoDB: a view over the field ``words`` of spans, whose words are those of words.py.

The text stands in a field of its own, because a view indexes fields, and messages are lists of objects.
"""

from contextlib import suppress
from typing import Any, Final

from arango.database import StandardDatabase
from arango.exceptions import AnalyzerCreateError, ViewCreateError

from cc_otel.graph.model import SPANS
from cc_otel.graph.store import Document, GraphBatch, Json, Vertex
from cc_otel.graph.words import Phrase, asked, text_of

VIEW: Final = "words"
FIELD: Final = "words"
ANALYZER: Final = "cc_otel_words"

_NAME_TAKEN: Final = 1207

# All of ASCII that is no letter or digit, and what typographers add.
_BETWEEN: Final = [chr(code) for code in range(1, 128) if not chr(code).isalnum()] + list(
    "\u00a0\u00ab\u00b7\u00bb\u2013\u2014\u2018\u2019\u201c\u201d\u201e\u2022\u2026\u2500\u2502\u2514\u251c"
)
_PIPELINE: Final = [
    {"type": "multi_delimiter", "properties": {"delimiters": _BETWEEN}},
    {"type": "norm", "properties": {"locale": "en", "case": "lower", "accent": True}},
]


def ensure(database: StandardDatabase) -> None:
    """Make the analyzer and the view where they are missing."""
    # Asked for again, the server answers with the analyzer that is there; another of its name it keeps.
    with suppress(AnalyzerCreateError):
        database.create_analyzer(
            ANALYZER, "pipeline", {"pipeline": _PIPELINE}, features=["frequency", "norm", "position"]
        )
    fields = {FIELD: {"analyzers": [ANALYZER]}}
    try:
        database.create_view(VIEW, "arangosearch", {"links": {SPANS: {"fields": fields}}})
    except ViewCreateError as error:
        if error.error_code != _NAME_TAKEN:
            raise


def with_words(batch: GraphBatch) -> GraphBatch:
    """Return the batch with the text of its spans."""
    return GraphBatch([_with_words(vertex) for vertex in batch.vertices], batch.edges)


def _with_words(vertex: Vertex) -> Vertex:
    if vertex.collection != SPANS or not (text := text_of(vertex.document)):
        return vertex
    document: Document = {**vertex.document, FIELD: text}
    return Vertex(vertex.collection, vertex.key, document)


def bound(text: object) -> dict[str, Any]:
    """
    Return what the query `search` is bound to for what somebody searches for.

    ``whole`` are the words that the index is asked for; the phrases are looked for between spaces in what it finds.
    Without a text nothing is found: no text holds an empty word. Raises BadWords.
    """
    if not isinstance(text, str):
        return {"whole": [""], "first": "", "wanted": [], "unwanted": []}
    found = asked(text)
    whole = [word for phrase in found.wanted for word in (phrase.words[:-1] if phrase.begins else phrase.words)]
    phrases: dict[str, Json] = {
        "wanted": [_spaced(phrase) for phrase in found.wanted],
        "unwanted": [_spaced(phrase) for phrase in found.unwanted],
    }
    return {"whole": list(dict.fromkeys(whole)), "first": found.first, **phrases}


def _spaced(phrase: Phrase) -> str:
    return f" {' '.join(phrase.words)}" + ("" if phrase.begins else " ")
