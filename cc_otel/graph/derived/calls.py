"""A tool call as the rules see it, and what they say of two of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cc_otel.graph.model import FOLLOWS, RESOLVED_BY, RETRIED, SPANS, SUPERSEDED_BY
from cc_otel.graph.store import Edge, Json

OK: Final = "ok"
FAILED: Final = "failed"
REFUSED: Final = "refused"
DENIED: Final = "denied"
FAILURES: Final = frozenset({FAILED, REFUSED, DENIED})
UNKNOWN: Final = "unknown"

CHANGES: Final = frozenset({"write", "edit", "create", "delete", "rename"})
"""What may be done to a file so that it is another one afterwards."""

OBSERVED: Final = "observed"
PARSED: Final = "parsed"
INFERRED: Final = "inferred"


@dataclass(frozen=True, slots=True)
class Command:
    """
    A simple command of a call, as ``cc_otel.command.parts`` says it.

    ``options`` select what of the targets is meant. ``joined`` is the operator before it: ``&&`` says that it ran
    because what stands before it had worked.
    """

    program: str
    subcommand: str = ""
    kind: str = ""
    exact: str = ""
    masked: str = ""
    key: str = ""
    targets: tuple[str, ...] = ()
    options: frozenset[tuple[str, str]] = frozenset()
    directory: str = ""
    filter: bool = False
    joined: str = ""


@dataclass(frozen=True, slots=True)
class Touch:
    """What a call did to a file."""

    path: str
    op: str


@dataclass(frozen=True, slots=True)
class Call:
    """
    A tool call. What is not known is empty.

    ``key`` is its span's. ``program`` and ``subcommand`` are those of the command that its outcome speaks of.
    ``arguments`` and ``result`` are digests: two calls said the same, or saw the same. ``named`` are the failing tests
    that its output names, where it names them all. ``foreign``: the tool is some server's, and nobody knows what it
    changes.
    """

    key: str
    session_id: str
    trace_id: str
    start_ms: float
    end_ms: float
    tool: str = ""
    outcome: str = UNKNOWN
    agent_id: str = ""
    root: str = ""
    commands: tuple[Command, ...] = ()
    program: str = ""
    subcommand: str = ""
    files: tuple[Touch, ...] = ()
    arguments: str = ""
    result: str = ""
    named: tuple[str, ...] = ()
    foreign: bool = False
    status: str = ""
    kind: str = ""
    expire_at: int | None = None

    @property
    def order(self) -> tuple[float, float, str]:
        """Where it stands among others: by its start."""
        return self.start_ms, self.end_ms, self.key

    @property
    def failed(self) -> bool:
        """Whether it did not do what was asked."""
        return self.outcome in FAILURES


@dataclass(frozen=True, slots=True)
class Found:
    """That one call stands to another as a rule says."""

    collection: str
    source: Call
    target: Call
    rule: str
    certainty: str
    more: Mapping[str, Json] = field(default_factory=dict)

    def edge(self) -> Edge:
        """Return it as an edge. It lives as long as both spans do."""
        source, target = self.source, self.target
        document: dict[str, Json] = {
            "label": _LABELS[self.collection],
            "session_id": source.session_id,
            "trace_id": source.trace_id,
            "kind": source.kind or None,
            "status": source.status or None,
            "start_ms": source.start_ms,
            "rule": self.rule,
            "certainty": self.certainty,
            "gap_ms": target.start_ms - source.end_ms,
            **self.more,
        }
        ends = [it.expire_at for it in (source, target) if it.expire_at]
        if ends:
            document["expire_at"] = min(ends)
        key = f"{source.key}.{target.key}"
        return Edge(self.collection, key, f"{SPANS}/{source.key}", f"{SPANS}/{target.key}", document)


_LABELS: Final = {
    FOLLOWS: "follows",
    RETRIED: "retried",
    RESOLVED_BY: "resolved by",
    SUPERSEDED_BY: "superseded by",
}
