"""One tool call as its events reported it, in plain terms: what the facts about it are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cc_otel import conventions as c
from cc_otel.agent.facts.repository import Repository
from cc_otel.agent.tree import Role
from cc_otel.claude_code.refusals import refusal_reason
from cc_otel.event import DENIED
from cc_otel.json_values import object_of, text_in

if TYPE_CHECKING:
    from cc_otel.agent.describe import SpanSource


@dataclass(frozen=True, slots=True)
class Call:
    """
    A call: redacted, and what is not known is empty.

    ``result`` is what it returned, an object where its own event reported it and a text where only a batch did;
    ``error`` the text of a failure, a refusal or a denial, ``error_type`` its class. ``succeeded``: its own event said
    so. ``directory`` is the one before the call. ``cut``: its arguments or its result were too long to be kept whole.
    """

    tool: str
    arguments: Mapping[str, Any]
    result: object = None
    error: str = ""
    error_type: str = ""
    succeeded: bool = False
    directory: str = ""
    repository: Repository | None = None
    cut: bool = False

    @classmethod
    def of(cls, source: "SpanSource") -> "Call":
        """Return the call of a span's source."""
        draft, opener = source.draft, source.opener.payload
        closing = source.closer.payload if source.closer else {}
        failed = bool(draft.error_type)
        error = text_in(closing.get("error")) or text_in(closing.get("reason")) or answer_text(source.response)
        return cls(
            tool=draft.tool_name,
            arguments=object_of(opener.get("tool_input")),
            result=None if failed else source.response,
            error=refusal_reason(error) if failed else "",
            error_type=draft.error_type,
            succeeded=not failed and closing.get("hook_event_name") == "PostToolUse",
            directory=text_in(opener.get("cwd")),
            repository=Repository.from_stored(source.opener.repository),
            cut=any(content.truncated for content in source.contents),
        )

    @property
    def denied(self) -> bool:
        """Whether it was not allowed."""
        return self.error_type == DENIED


def answer_text(response: object) -> str:
    """Return what a tool answered as a text: of a shell what it printed."""
    answer = object_of(response)
    printed = [text_in(answer.get("stdout")), text_in(answer.get("stderr"))]
    return "\n".join(filter(None, printed)) or text_in(response)


_WITH_REPOSITORY = frozenset({Role.SESSION, Role.TURN, Role.SUBAGENT, Role.TOOL})


def repository_facts(source: "SpanSource") -> Iterator[tuple[str, Any]]:
    """Return the attributes that name the repository of a session's start, a turn, a subagent or a call."""
    repository = Repository.from_stored(source.opener.repository)
    if repository is None or source.draft.role not in _WITH_REPOSITORY:
        return
    yield c.VCS_REPOSITORY, repository.name
    yield c.VCS_ROOT, repository.root
    if repository.branch:
        yield c.VCS_BRANCH, repository.branch
    if repository.revision:
        yield c.VCS_REVISION, repository.revision
    if repository.linked:
        yield c.VCS_WORKTREE, True
