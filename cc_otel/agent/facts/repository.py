"""
The repository that an event happened in: read from its files when the event is taken in, and stored with it.

So a span says the same whenever it is encoded. ``HEAD`` may change while events wait: a branch and a revision are said
where their files have not changed since the event, else those that were read before that change.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import normpath
from typing import Any, Final

from cc_otel.agent.facts.git_files import MISSING, State, below, file_at, folder_at, read, state_of
from cc_otel.agent.facts.remotes import name_of
from cc_otel.agent.redaction.redact import redact_text
from cc_otel.json_values import text_in

LEVELS_MAX: Final = 64
"""How many folders up a repository is looked for."""

FOLDERS_MAX: Final = 256
"""How many folders of sessions are remembered."""

PATH_LENGTH_MAX: Final = 4096
"""Longest path of a folder, characters: Linux knows no longer one."""

POINTER_BYTES_MAX: Final = 4096
"""How much of `.git`, `commondir`, `HEAD` and a branch is read, bytes."""

CONFIG_BYTES_MAX: Final = 256 << 10
"""How much of a configuration is read, bytes."""

PACKED_REFS_BYTES_MAX: Final = 1 << 20
"""How much of `packed-refs` is read, bytes."""

AGAIN_NS: Final = 30_000_000_000
"""How long a folder is taken for what it was, ns: a remote may be added, and a repository be made inside."""

NONE_AGAIN_NS: Final = 2_000_000_000
"""How long a folder without a repository is taken for one, ns."""

_BRANCH: Final = "refs/heads/"
_SHA: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
# As `git check-ref-format` has it. A part that begins with a dot is none: `.invalid` stands where refs are elsewhere.
_NO_REF: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(?:\A|/)\.|\.lock(?:/|\Z)|[/.]\Z")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as an event saw it; ``linked``: its worktree is a linked one. What is not known is empty."""

    name: str
    root: str
    branch: str = ""
    revision: str = ""
    linked: bool = False

    def to_stored(self) -> dict[str, Any]:
        """Return what is known, for the journal; `from_stored` is its inverse."""
        stored = {"name": self.name, "root": self.root, "branch": self.branch, "revision": self.revision}
        return {key: value for key, value in stored.items() if value} | ({"linked": True} if self.linked else {})

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> "Repository | None":
        """Return what `to_stored` gave; None for nothing."""
        name, root, branch, revision = (text_in(stored.get(key)) for key in ("name", "root", "branch", "revision"))
        return cls(name, root, branch, revision, stored.get("linked") is True) if name else None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a repository's files are: the worktree's root, its own folder, and the one all its worktrees share."""

    root: str
    own: str
    common: str


@dataclass(frozen=True, slots=True)
class _Head:
    """What `HEAD` said, when its file last changed, and the revision of its branch with the time of change of that."""

    branch: str
    changed_ns: int
    revision: str
    moved_ns: int
    states: tuple[tuple[str, State], ...]


@dataclass(slots=True)
class _Known:
    """What is known of a folder: since when, when it was last looked at (ns), and its last two heads."""

    place: _Place | None
    name: str
    found_ns: int
    looked_ns: int
    heads: tuple[_Head, ...] = ()


class Repositories:
    """Finds the repositories of folders. Each folder of a session is read once, and again where it changes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Known] = {}

    def of(self, session_id: str, folder: str, clock_ns: int, now_ns: int) -> Repository | None:
        """Return the repository that a session's event of that time was in; None where there is none."""
        if not folder.startswith("/") or len(folder) > PATH_LENGTH_MAX:
            return None
        known = self._looked(session_id, folder, now_ns)
        if known.place is None or not known.name:
            return None
        # The newest that was so at that time already.
        head = next((it for it in known.heads if it.changed_ns <= clock_ns), None)
        moved = next((it for it in known.heads if _was(it, head) and it.moved_ns <= clock_ns), None)
        return Repository(
            name=known.name,
            root=_clean(known.place.root),
            branch=_clean(head.branch) if head else "",
            revision=moved.revision if moved else "",
            linked=known.place.own != known.place.common,
        )

    def _looked(self, session_id: str, folder: str, now_ns: int) -> _Known:
        key = (session_id, folder)
        known = self._known.get(key)
        if known is None or abs(now_ns - known.found_ns) >= (AGAIN_NS if known.place else NONE_AGAIN_NS):
            known = self._known[key] = _found(folder, now_ns, known)
            if len(self._known) > FOLDERS_MAX:
                del self._known[next(iter(self._known))]
        elif known.place and known.looked_ns != now_ns:
            # Of the events that are taken in together, one look is enough.
            known.looked_ns = now_ns
            if any(state_of(path) != state for path, state in known.heads[0].states):
                known.heads = (_head_of(known.place), *known.heads[:1])
        return known


def _found(folder: str, now_ns: int, before: _Known | None) -> _Known:
    place = place_of(folder)
    if place is None:
        return _Known(None, "", now_ns, now_ns)
    head = _head_of(place)
    earlier = before.heads if before and before.place == place else ()
    heads = (head, *(it for it in earlier if it.states != head.states))[:2]
    return _Known(place, _name_of(place), now_ns, now_ns, heads)


def place_of(folder: str) -> _Place | None:
    """Return where the repository is that a folder belongs to."""
    path = normpath(folder)
    for _ in range(LEVELS_MAX):
        dot_git = f"{path.rstrip('/')}/.git"
        if folder_at(dot_git):
            # A folder of that name that is no repository is none for git, either.
            if file_at(f"{dot_git}/HEAD"):
                return _Place(path, dot_git, dot_git)
        elif pointer := read(dot_git, POINTER_BYTES_MAX):
            return _pointed_at(path, pointer)
        if path in {"/", "//"}:
            return None
        path = path.rpartition("/")[0] or "/"
    return None


def _pointed_at(root: str, pointer: bytes) -> _Place | None:
    """Return where the repository of a linked worktree or a submodule is. What is pointed at points no further."""
    line = pointer.decode("utf-8", "replace").strip()
    if not line.startswith("gitdir:"):
        return None
    own = _joined(root, line.removeprefix("gitdir:").strip())
    if not folder_at(own) or not file_at(f"{own}/HEAD"):
        return None
    shared = read(f"{own}/commondir", POINTER_BYTES_MAX).decode("utf-8", "replace").strip()
    common = _joined(own, shared) if shared else own
    return _Place(root, own, common) if folder_at(common) else None


def _joined(folder: str, path: str) -> str:
    return normpath(path if path.startswith("/") else f"{folder}/{path}")


def _name_of(place: _Place) -> str:
    config = read(f"{place.common}/config", CONFIG_BYTES_MAX).decode("utf-8", "replace")
    folder = place.common.removesuffix("/.git") or "/"
    return _clean(name_of(config, folder) or folder)


def _was(earlier: _Head, head: _Head | None) -> bool:
    """Whether it is the same branch, checked out at the same time, with an earlier revision perhaps."""
    return head is not None and (earlier.branch, earlier.changed_ns) == (head.branch, head.changed_ns)


def _head_of(place: _Place) -> _Head:
    head_path = f"{place.own}/HEAD"
    head_state = state_of(head_path)
    line = read(head_path, POINTER_BYTES_MAX).decode("utf-8", "replace").strip()
    states = [(head_path, head_state)]
    if _SHA.match(line):
        return _Head("", head_state.mtime_ns, line, head_state.mtime_ns, tuple(states))
    ref = line.removeprefix("ref:").strip()
    if not line.startswith("ref:") or not ref.startswith(_BRANCH) or len(line) > PATH_LENGTH_MAX or _NO_REF.search(ref):
        return _Head("", head_state.mtime_ns, "", 0, tuple(states))
    loose_path, packed_path = below(place.common, ref), f"{place.common}/packed-refs"
    loose = state_of(loose_path) if loose_path else MISSING
    packed = state_of(packed_path)
    states += [(f"{place.common}/{ref}", loose), (packed_path, packed)]
    revision = read(loose_path, POINTER_BYTES_MAX).decode("ascii", "replace").strip() if loose_path else ""
    moved_ns = loose.mtime_ns
    if not revision:
        revision, moved_ns = _packed(packed_path, ref), packed.mtime_ns
    known = _SHA.match(revision) is not None
    return _Head(ref.removeprefix(_BRANCH), head_state.mtime_ns, revision if known else "", moved_ns, tuple(states))


def _packed(path: str, ref: str) -> str:
    found = re.search(
        rb"^([0-9a-f]{40,64}) " + re.escape(ref.encode()) + rb"$", read(path, PACKED_REFS_BYTES_MAX), re.M
    )
    return found[1].decode() if found else ""


def _clean(text: str) -> str:
    return redact_text(text)[0]
