"""
Which calls of a session's files are the same call, and whose it is.

A fork's file begins with a copy of its parent's last answer, and two files may hold two states of one answer. The
rules are those of docs/transcripts.md; they hold in whatever order the files are read, so a call that another file
may hold too waits until all files of its session are read as far as they were then.
"""

import re
from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final

from cc_otel.claude_code.payload import text_of
from cc_otel.claude_code.transcript.chats import TranscriptCall
from cc_otel.json_values import objects_of

HELD_BYTES_MAX: Final = 16 << 20
"""How much of undecided calls one session holds; beyond it, the earliest are decided by what is known of them."""

DECIDED_MAX: Final = 256
"""How many message ids of all sessions are remembered with the calls that were decided under them."""

SAME_ID_MAX: Final = 64
"""How many calls are remembered under one message id."""

_SERVED_ALIKE: Final = ("service_tier", "inference_geo")
"""What holds for an advisor's call as for the one that it was made in."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


@dataclass(frozen=True, slots=True)
class DecidedCall:
    """A call with its identity, and the identities that it may have in single files."""

    call: TranscriptCall
    identity: str
    aliases: frozenset[str] = frozenset()

    @classmethod
    def of(cls, call: TranscriptCall) -> "DecidedCall":
        """Return a call that no other file holds."""
        return cls(call, identity(call))


@dataclass(slots=True, eq=False)
class _Group:
    """What is the same call: its states by the file that holds them, and the request ids that these have."""

    members: dict[str, TranscriptCall] = field(default_factory=dict)
    request_ids: set[str] = field(default_factory=set)

    def has(self, path: str, call: TranscriptCall) -> bool:
        return any(_is_same(call, path, known, other) for other, known in self.members.items())

    def add(self, path: str, call: TranscriptCall) -> None:
        known = self.members.get(path)
        if known is None or call.rank >= known.rank:
            self.members[path] = call

    @property
    def is_evident(self) -> bool:
        """Whether no other file can change the decision: the owner's whole answer is here."""
        return any(call.has_request and call.stop_reason for call in self.members.values())

    @property
    def has_original(self) -> bool:
        return not all(call.is_copy for call in self.members.values())

    @property
    def size(self) -> int:
        return sum(call.size for call in self.members.values())

    def decided(self, main: str) -> DecidedCall:
        """Return the call as its owner has it, with the counts and the model of the state that says most."""

        def is_owner(item: tuple[str, TranscriptCall]) -> tuple[object, ...]:
            path, call = item
            return call.has_request, not call.is_copy, call.rank, path == main

        states = self.members.values()
        owner = max(self.members.items(), key=is_owner)[1]
        best = max(states, key=lambda call: call.rank)
        best = owner if owner.rank == best.rank else best
        call = replace(
            owner,
            model=best.model or owner.model,
            usage=best.usage,
            stop_reason=best.stop_reason,
            blocks=owner.blocks if len(owner.blocks) >= len(best.blocks) else best.blocks,
            request_id=owner.request_id or next((call.request_id for call in states if call.request_id), ""),
            prompt_id=owner.prompt_id or next((call.prompt_id for call in states if call.prompt_id), ""),
            # What precedes a fork is its parent's.
            agent_id="" if owner.is_copy else owner.agent_id,
        )
        return DecidedCall(call, identity(call), frozenset(identity(state) for state in states))


def identity(call: TranscriptCall) -> str:
    """Return what tells a call from all others, whichever session's file it was read from: a uuid or a hash."""
    if call.message_id:
        return _hash(f"{call.message_id}\0{call.request_id or call.uuid}")
    return call.uuid if _UUID.match(call.uuid) else _hash(call.uuid)


def advisor_calls(decided: DecidedCall) -> Iterator[DecidedCall]:
    """Return the calls to an advisor that were made within a call: each has its own model and counts its own tokens."""
    call = decided.call
    served = {key: call.usage[key] for key in _SERVED_ALIKE if key in call.usage}
    for number, iteration in enumerate(objects_of(call.usage.get("iterations"))):
        if iteration.get("type") == "advisor_message":
            name = _hash(f"{decided.identity}\0advisor {number}")
            usage = served | {key: value for key, value in iteration.items() if key not in {"type", "model"}}
            advice = replace(
                call, message_id="", uuid=name, model=text_of(iteration, "model"), requested_model="", usage=usage
            )
            yield DecidedCall(replace(advice, blocks=()), name)


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _is_same(call: TranscriptCall, path: str, known: TranscriptCall, known_path: str) -> bool:
    if (call.request_id and known.request_id) or path == known_path:
        return call.continues(known)
    return call.message_id == known.message_id and not call.clocks.isdisjoint(known.clocks)


class DecidedCalls:
    """What was decided lately in any session, for copies that are read later."""

    def __init__(self) -> None:
        """Begin with none."""
        self._groups: OrderedDict[tuple[str, str], list[_Group]] = OrderedDict()

    def has(self, session_id: str, path: str, call: TranscriptCall) -> bool:
        """Whether a call of a session is one of them."""
        return any(group.has(path, call) for group in self._groups.get((session_id, call.message_id), ()))

    def add(self, session_id: str, message_id: str, group: _Group) -> None:
        """Remember a group, without its texts."""
        for path, call in group.members.items():
            group.members[path] = replace(call, blocks=())
        known = self._groups.setdefault((session_id, message_id), [])
        known.append(group)
        del known[:-SAME_ID_MAX]
        self._groups.move_to_end((session_id, message_id))
        if len(self._groups) > DECIDED_MAX:
            self._groups.popitem(last=False)


class SessionCalls:
    """The calls of one session that wait for their decision."""

    def __init__(self, session_id: str, decided: DecidedCalls) -> None:
        """Begin with none; ``decided`` is what is known of all sessions."""
        self._session_id = session_id
        self._decided = decided
        self._undecided: dict[_Group, str] = {}
        # By message id and request id: a relay may give all its answers one message id.
        self._groups: dict[str, dict[str, list[_Group]]] = {}
        self._unshared: list[TranscriptCall] = []
        self._held_bytes = 0

    def add(self, path: str, call: TranscriptCall) -> None:
        """Take a call as one of the session's files holds it."""
        if not call.message_id:
            # Nothing but its own file can tell of it, and a copy is the other file's.
            if not call.is_copy:
                self._unshared.append(call)
            return
        if self._decided.has(self._session_id, path, call):
            return
        group = next((group for group in self._candidates(call) if group.has(path, call)), None) or _Group()
        self._undecided[group] = call.message_id
        if call.request_id not in group.request_ids:
            group.request_ids.add(call.request_id)
            self._groups.setdefault(call.message_id, {}).setdefault(call.request_id, []).append(group)
        self._held_bytes -= group.size
        group.add(path, call)
        self._held_bytes += group.size

    def decide(self, main: str, open_ids: Collection[str], *, is_complete: bool) -> Iterator[DecidedCall]:
        """
        Return what can be decided now; ``is_complete`` once all files are read as far as they were.

        ``open_ids`` are the message ids of answers that still go on in some file.
        """
        unshared, self._unshared = self._unshared, []
        for call in unshared:
            yield DecidedCall.of(call)
        for group, message_id in list(self._undecided.items()):
            waits = message_id in open_ids or not group.has_original or not is_complete
            if group.is_evident or not waits or self._held_bytes > HELD_BYTES_MAX:
                yield self._decide(group, main)

    def finish(self, main: str) -> Iterator[DecidedCall]:
        """Return all that was undecided: nothing more is read."""
        for group in list(self._undecided):
            yield self._decide(group, main)

    def _candidates(self, call: TranscriptCall) -> Iterator[_Group]:
        known = self._groups.get(call.message_id, {})
        for request_id in {call.request_id, ""} if call.request_id else known:
            yield from known.get(request_id, ())

    def _decide(self, group: _Group, main: str) -> DecidedCall:
        message_id = self._undecided.pop(group)
        known = self._groups[message_id]
        for request_id in group.request_ids:
            known[request_id].remove(group)
            if not known[request_id]:
                del known[request_id]
        if not known:
            del self._groups[message_id]
        self._held_bytes -= group.size
        decided = group.decided(main)
        self._decided.add(self._session_id, message_id, group)
        return decided
