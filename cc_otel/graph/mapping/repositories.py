"""Repositories, who worked in them, and the commits that were seen being made."""

from collections.abc import Iterable, Iterator
from typing import Final

from cc_otel import conventions as c
from cc_otel.graph.mapping.edges import edge, ends, shared
from cc_otel.graph.mapping.keys import digest, repository_key, session_key
from cc_otel.graph.mapping.lists import flag, objects, word
from cc_otel.graph.mapping.reading import Reading
from cc_otel.graph.mapping.values import text
from cc_otel.graph.model import COMMITS, COMMITTED, REPOSITORIES, SESSIONS, WORKED_IN
from cc_otel.graph.store import Document, Edge, Json, Vertex

_SAY_WHERE: Final = frozenset({"session", "turn", "subagent"})
"""The kinds of spans that say where a session works; each call says it, too, and nothing new."""

SHA_SHOWN: Final = 10


def repository(reading: Reading, key: str, along: Document) -> Iterable[Vertex | Edge]:
    """Return the repository that a span was made in, and the edge from its session."""
    attributes = reading.span.attributes
    if not (name := text(attributes, c.VCS_REPOSITORY)):
        return ()
    vertex = shared(REPOSITORIES, repository_key(name), "repository", name, along, name=name)
    if reading.kind not in _SAY_WHERE or not reading.session_id:
        return (vertex,)
    fields: dict[str, Json] = {"label": "worked in"}
    if root := text(attributes, c.VCS_ROOT):
        fields["worktree"] = root
    if branch := text(attributes, c.VCS_BRANCH):
        fields["branch"] = branch
    source = f"{SESSIONS}/{session_key(reading.session_id)}"
    return vertex, Edge(WORKED_IN, key, source, ends(vertex), {**fields, **along})


def commits(reading: Reading, key: str, along: Document) -> Iterator[Vertex | Edge]:
    """Return the commits that a span was seen making, and the edges to them."""
    attributes = reading.span.attributes
    if c.VCS_COMMITS not in attributes:
        return
    name = text(attributes, c.VCS_REPOSITORY)
    made = [item for item in objects(attributes, c.VCS_COMMITS) if word(item, "sha")]
    for number, item in enumerate(made):
        sha, subject = word(item, "sha"), word(item, "subject")
        vertex = shared(
            COMMITS,
            digest(f"{name}\0{sha}"),
            "commit",
            f"{sha[:SHA_SHOWN]} {subject}".rstrip(),
            along,
            sha=sha,
            repository=name or None,
            subject=subject or None,
            branch=word(item, "branch") or None,
        )
        yield vertex
        yield edge(
            COMMITTED,
            key,
            number,
            ends(vertex),
            along,
            label="committed",
            amended=flag(item, "amended"),
            pushed=flag(item, "pushed"),
            rewrites=word(item, "rewrites") or None,
            rule=word(item, "rule") or None,
            certainty=word(item, "certainty") or None,
        )
