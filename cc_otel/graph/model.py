"""
The collections of the graph: fields, ends, indexes. Everything that stores or maps derives from here.

docs/graph.md describes them for readers; a test holds schema.sql to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SPANS: Final = "spans"
SESSIONS: Final = "sessions"
FILES: Final = "files"
PARENT_OF: Final = "parent_of"
PART_OF: Final = "part_of"
TOUCHED: Final = "touched"
LINKS_TO: Final = "links_to"
REPOSITORIES: Final = "repositories"
COMMANDS: Final = "commands"
ERRORS: Final = "errors"
COMMITS: Final = "commits"
MODELS: Final = "models"
TOOLS: Final = "tools"
SEARCHED: Final = "searched"
RAN: Final = "ran"
FAILED_WITH: Final = "failed_with"
USED: Final = "used"
ASKED_FOR: Final = "asked_for"
LAUNCHED: Final = "launched"
COMMITTED: Final = "committed"
WORKED_IN: Final = "worked_in"
FOLLOWS: Final = "follows"
RETRIED: Final = "retried"
RESOLVED_BY: Final = "resolved_by"
SUPERSEDED_BY: Final = "superseded_by"


@dataclass(frozen=True, slots=True)
class Collection:
    """
    A collection of vertices, or of edges from ``source`` to ``target``.

    ``columns`` are the fields that have a column in SQLite, with their types; all other fields are JSON there.
    ``indexes`` lists the fields by which queries find documents in both stores, beside their keys and the ends of
    edges. Where ``shared``, several spans write the same document, but for its expiry. ``words`` are searched as text.
    ``seldom`` are the columns that few documents have. ``derived`` edges take two spans: no span makes them, they are
    written for a whole session.
    """

    name: str
    columns: Mapping[str, str]
    indexes: tuple[tuple[str, ...], ...] = ()
    shared: bool = False
    source: str = ""
    target: str = ""
    words: tuple[str, ...] = field(default=())
    seldom: frozenset[str] = frozenset()
    derived: bool = False
    further_target: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """The collections that edges lead to: one, or one of two."""
        return (self.target, self.further_target) if self.further_target else (self.target,)

    @property
    def holds_edges(self) -> bool:
        """Whether its documents are edges."""
        return bool(self.source)


def _columns(text: str = "", real: str = "", integer: str = "") -> Mapping[str, str]:
    kinds = (("TEXT", text), ("REAL", real), ("INTEGER", integer))
    return {name: kind for kind, names in kinds for name in names.split()}


# What queries filter on stands on the edges too, so that walking reads no vertex.
ALONG: Final = ("session_id", "trace_id", "kind", "status", "start_ms", "expire_at")
_EDGE: Final = _columns("label kind status trace_id session_id", "start_ms", "expire_at")

VERTICES: Final = (
    Collection(
        SPANS,
        _columns(
            "trace_id span_id parent_id kind status error_type tool name label summary command session_id service "
            "dialect model response_id outcome command_class program error_key repository agent_id",
            "start_ms end_ms duration_ms cost_usd wait_ms",
            "input_tokens output_tokens cache_read_tokens cache_write_tokens expire_at",
        ),
        indexes=(("trace_id", "start_ms"), ("session_id", "start_ms"), ("start_ms",), ("response_id",)),
        words=("label", "summary", "command", "status_message"),
        # What a model call took and who else reports it, and what is known of a tool call.
        seldom=frozenset(
            "dialect model response_id input_tokens output_tokens cache_read_tokens cache_write_tokens cost_usd "
            "outcome command_class program error_key repository agent_id wait_ms".split()
        ),
    ),
    Collection(SESSIONS, _columns("session_id label", integer="expire_at"), shared=True),
    Collection(FILES, _columns("path repository extension label", integer="expire_at"), shared=True),
    Collection(REPOSITORIES, _columns("name label", integer="expire_at"), shared=True),
    Collection(COMMANDS, _columns("program subcommand class sample label", integer="expire_at"), shared=True),
    Collection(ERRORS, _columns("class tool sample label", integer="expire_at"), shared=True),
    Collection(COMMITS, _columns("repository sha subject branch label", integer="expire_at"), shared=True),
    Collection(MODELS, _columns("name provider label", integer="expire_at"), shared=True),
    Collection(TOOLS, _columns("name server class label", integer="expire_at"), shared=True),
)
_RULE: Final = _columns("rule certainty")
_DERIVED: Final = {**_EDGE, **_RULE, **_columns("level", "gap_ms")}
EDGES: Final = (
    Collection(PARENT_OF, _EDGE, source=SPANS, target=SPANS),
    Collection(PART_OF, _EDGE, source=SPANS, target=SESSIONS),
    Collection(
        TOUCHED, {**_EDGE, **_RULE, **_columns("op", "", "lines_added lines_removed")}, source=SPANS, target=FILES
    ),
    Collection(LINKS_TO, _EDGE, source=SPANS, target=SPANS),
    Collection(SEARCHED, {**_EDGE, **_columns(integer="count")}, source=SPANS, target=FILES),
    Collection(RAN, {**_EDGE, **_columns("directory", "", "position")}, source=SPANS, target=COMMANDS),
    Collection(FAILED_WITH, _EDGE, source=SPANS, target=ERRORS),
    Collection(
        USED,
        {**_EDGE, **_columns("", "cost_usd", "input_tokens output_tokens")},
        source=SPANS,
        target=MODELS,
        further_target=TOOLS,
    ),
    Collection(ASKED_FOR, _EDGE, source=SPANS, target=SPANS),
    Collection(LAUNCHED, _EDGE, source=SPANS, target=SPANS),
    Collection(COMMITTED, {**_EDGE, **_RULE, **_columns("", "", "amended pushed")}, source=SPANS, target=COMMITS),
    Collection(WORKED_IN, {**_EDGE, **_columns("worktree branch")}, source=SESSIONS, target=REPOSITORIES),
    Collection(FOLLOWS, _DERIVED, source=SPANS, target=SPANS, derived=True, indexes=(("session_id",),)),
    Collection(RETRIED, _DERIVED, source=SPANS, target=SPANS, derived=True, indexes=(("session_id",),)),
    Collection(RESOLVED_BY, _DERIVED, source=SPANS, target=SPANS, derived=True, indexes=(("session_id",),)),
    Collection(SUPERSEDED_BY, _DERIVED, source=SPANS, target=SPANS, derived=True, indexes=(("session_id",),)),
)
COLLECTIONS: Final = {collection.name: collection for collection in (*VERTICES, *EDGES)}
SHARED: Final = frozenset(collection.name for collection in VERTICES if collection.shared)
