"""
The spool: events that the hook has recorded and the agent has not taken yet, one file each.

State is a name: ``new/`` holds what waits, ``failed/`` what could not become a span, ``full`` makes the hook
count instead of write, ``lost`` has one byte for each event counted so (docs/spool.md has the format).
"""

import errno
import heapq
import itertools
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from cc_otel.files import FileEntry, files_in, prune

MAGIC: Final = b"cc-otel/1\0"
RECORDED: Final = (
    "CLAUDE_PID",
    "CLAUDE_PLUGIN_ROOT",
    "CLAUDE_CODE_ENTRYPOINT",
    "TRACEPARENT",
    "TRACESTATE",
    "AI_AGENT",
    "CC_OTEL_SOURCE_APP",
)
"""The variables that are recorded where they are set. Never the rest of the environment: it holds secrets."""

SETTLE_NS: Final = 10_000_000_000
"""How long a file without trailer may still be growing, ns: twice the hook's timeout in the settings."""
CLOCK_ERROR_NS_MAX: Final = 10_000_000_000
"""How far the hook's clock may be from its file's time of change, ns: beyond it, the environment forged it."""
PAYLOAD_BYTES_MAX: Final = 64 << 20
"""How much of a file is read. The largest event seen had 0.8 MB; our OTLP receiver takes no more than this either."""
READ_BYTES: Final = 64 << 10
"""How much is read at once. Nearly every event is smaller."""

HEADER_FIELDS_MAX: Final = 64
FAILED_BYTES_MAX: Final = 64 << 20
FAILED_AGE_NS_MAX: Final = 7 * 86_400 * 1_000_000_000
RESUME_SHARE: Final = 0.9
"""A full spool takes events again below this share of its limit; without it, ``full`` would come and go."""
NAMES_MAX: Final = 100
"""How many names are tried before a file is given up; process ids recur, so a name may be taken."""

_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PID = re.compile(r"[0-9]{1,10}")
_NS = re.compile(r"[0-9]{1,19}")
_CLOCK = re.compile(r"([0-9]{1,10})[.,]([0-9]{1,9})")
# Header fields that no variable of the environment can forge: the hook writes CLOCK itself, and never these.
_CLOCK_NS, _IDENTITY, _REASON = "CLOCK_NS", "IDENTITY", "REASON"
_NOT_VARIABLES = ("CLOCK", _CLOCK_NS, _IDENTITY, _REASON)


class SpoolFull(Exception):
    """The spool is at its limit: try again when the agent has taken some events."""


class Unreadable(Exception):
    """A spool file is there but cannot be read, now or later: set it aside."""


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """
    One event as it was recorded; cut short where its file was.

    ``clock_ns`` is when it happened: the given or the hook's own clock, else ``mtime_ns``. ``variables`` holds what
    was set in the hook's environment, undecodable bytes as surrogate escapes. ``ended`` says that its writer got to
    the end of its input. ``payload_bytes`` is the payload's true size: more than ``len(payload)`` where the file
    was over ``PAYLOAD_BYTES_MAX``. ``digest`` (32 hexadecimal digits) stands for this file and no other.
    ``reason`` says why an event in ``failed/`` is there.
    """

    name: str
    clock_ns: int
    variables: Mapping[str, str]
    payload: bytes
    payload_bytes: int
    ended: bool
    mtime_ns: int
    digest: str
    reason: str | None = None


class Spool:
    """
    The directory that hook and agent share.

    Only one agent takes from it; any number of hooks and commands write to it at the same time. Files may vanish
    at any moment, and nothing here minds.
    """

    def __init__(self, directory: Path, bytes_max: int) -> None:
        self._new = directory / "new"
        self._failed = directory / "failed"
        self._full = directory / "full"
        self._lost = directory / "lost"
        self._lost_counted = directory / "lost.counted"
        self._bytes_max = bytes_max
        # In a container every process may have the same id; the clock tells their files apart.
        self._numbers = itertools.count(time.time_ns())

    def prepare(self) -> None:
        """Make the directories and the count of lost events, for their owner alone; raise OSError where that fails."""
        for directory in (self._new.parent, self._new, self._failed):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
        # Here before it is needed: where no inode is free the hook can still add to it.
        self._lost.touch(mode=0o600)

    # What the agent does

    def oldest(self, count_max: int) -> list[FileEntry]:
        """Return the waiting files, oldest first, at most ``count_max``: memory does not grow with the backlog."""
        return heapq.nsmallest(count_max, files_in(self._new))

    def read(self, entry: FileEntry, now_ns: int) -> SpoolFile | None:
        """
        Return the event in a waiting file, whole or as much of it as there will ever be.

        None while its writer may still be at work, and where the file has gone. Raise Unreadable where it cannot
        be read. ``now_ns`` MUST have been taken before the call.
        """
        try:
            recorded = _load(f"{self._new}/{entry.name}", entry.name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreadable(f"{self._new / entry.name}: {error.strerror}") from error
        # A time of change in the future is from before the clock was set back: no less settled than an old one.
        if recorded.ended or abs(now_ns - recorded.mtime_ns) > SETTLE_NS:
            return recorded
        return None

    def remove(self, entry: FileEntry) -> None:
        """Remove a waiting file that was taken."""
        with suppress(FileNotFoundError):
            os.unlink(f"{self._new}/{entry.name}")  # noqa: PTH108 - a Path takes longer than the call

    def fail(self, recorded: SpoolFile, reason: str, content: bytes) -> str:
        """
        Keep an event that cannot become a span, with ``content`` for its payload, and return its name.

        The file has the hook's format, so that what reads a spool can replay it. ``content`` is the caller's to
        redact. The waiting file stays: remove it afterwards, so that a crash in between leaves one copy too many.
        """
        # A foreign name may have all the 255 bytes there are; ours needs some for its number.
        stem = os.fsdecode(os.fsencode(recorded.name)[:200])
        fields = {_CLOCK_NS: str(recorded.clock_ns), _REASON: reason.replace("\0", "")}
        return self._create(self._failed, stem, fields | _recorded_only(recorded.variables), content)

    def set_aside(self, entry: FileEntry) -> None:
        """Move an unreadable file to ``failed/`` as it is: its owner can read it, as root after ``sudo claude``."""
        with suppress(FileNotFoundError):
            (self._new / entry.name).replace(self._failed / entry.name)

    def failed(self) -> list[FileEntry]:
        """Return the files in ``failed/``, oldest first."""
        return sorted(files_in(self._failed))

    def count(self) -> int:
        """Return how many files wait."""
        return sum(1 for _ in files_in(self._new))

    def is_full(self) -> bool:
        """Whether hooks count events instead of writing them."""
        return self._full.exists()

    def prune(self, now_ns: int) -> int:
        """Remove from ``failed/`` what is older than 7 days or, oldest first, over 64 MiB; return how many."""
        return prune(self._failed, before_ns=now_ns - FAILED_AGE_NS_MAX, bytes_max=FAILED_BYTES_MAX)

    def keep_limit(self) -> int:
        """Make or remove ``full``, so that hooks know whether there is room. Return the bytes in use."""
        used_bytes = sum(entry.disk_bytes for entry in files_in(self._new))
        # Where the marker cannot be made the disk is full, and the hooks' own writes fail.
        with suppress(OSError):
            if used_bytes >= self._bytes_max:
                self._full.touch(mode=0o600)
            elif used_bytes < self._bytes_max * RESUME_SHARE:
                self._full.unlink(missing_ok=True)
        return used_bytes

    def take_lost(self) -> int:
        """Return how many events were lost since the last time, each counted once."""
        # The hooks' file is never emptied or renamed: one of them may have it open. How much of it was counted is
        # the size of another file, which a kill leaves either old or new.
        lost, counted = _size_bytes(self._lost), _size_bytes(self._lost_counted)
        try:
            if lost != counted:
                with self._lost_counted.open("ab") as file:
                    file.truncate(lost)
        except OSError:
            # On a full disk: counted later, rather than every time.
            return 0
        # Less than counted: somebody removed the hooks' file.
        return max(lost - counted, 0)

    # What the hook does, from Python

    def write(
        self,
        payload: bytes,
        variables: Mapping[str, str],
        clock_ns: int | None = None,
        session: str = "",
        identity: str = "",
    ) -> str:
        """
        Record an event as the hook does and return its file's name.

        Of ``variables`` only RECORDED ones are written. ``clock_ns`` is when the event happened, now unless given.
        Files with the same ``identity`` have the same digest: an event that is replayed again is no second event.
        Raise SpoolFull at the limit, OSError where no file can be made, ValueError for a variable with a NUL in it;
        then nothing is left behind.
        """
        if self._full.exists():
            raise SpoolFull(f"{self._new} is at its limit of {self._bytes_max} bytes")
        session = session if _SESSION.fullmatch(session) else "unnamed"
        pid = variables.get("CLAUDE_PID", "")
        stem = f"{session}.{pid if _PID.fullmatch(pid) else 0}.{os.getpid()}"
        clock = {"CLOCK": ""} if clock_ns is None else {_CLOCK_NS: str(clock_ns)}
        known = {_IDENTITY: identity} if identity else {}
        return self._create(self._new, stem, clock | known | _recorded_only(variables), payload)

    def _create(self, directory: Path, stem: str, fields: Mapping[str, str], payload: bytes) -> str:
        header = _encode_header(fields)
        for number in itertools.islice(self._numbers, NAMES_MAX):
            path = directory / f"{stem}.{number}"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.writelines((header, payload, _trailer(path.name)))
            except OSError:
                path.unlink(missing_ok=True)
                raise
            return path.name
        raise FileExistsError(errno.EEXIST, "every name is taken", str(directory / stem))


def load(path: Path) -> SpoolFile:
    """
    Return what a file in the hook's format holds, wherever it lies.

    A file in any other format is an event of its whole content without variables, and not ended.

    Raises:
        OSError: it cannot be read.

    """
    return _load(str(path), path.name)


def _load(path: str, name: str) -> SpoolFile:
    # No file object and no Path: they take longer than the reading.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = _content(descriptor)
        # After the read: a change that is not in the content makes the file younger than its settling time.
        status = os.fstat(descriptor)
        # What a writer adds behind our back is not "unread": the content would then be taken for a cut one.
        unread_bytes = max(status.st_size - len(content), 0) if len(content) == PAYLOAD_BYTES_MAX else 0
        last = os.pread(descriptor, 512, status.st_size - 512) if unread_bytes else b""
    finally:
        os.close(descriptor)
    return _decode(name, content, unread_bytes, last, status.st_mtime_ns)


def _content(descriptor: int) -> bytes:
    """Return what a file holds, at most `PAYLOAD_BYTES_MAX`."""
    content = os.read(descriptor, READ_BYTES)
    while content and len(content) < PAYLOAD_BYTES_MAX:
        more = os.read(descriptor, min(max(os.fstat(descriptor).st_size, READ_BYTES), PAYLOAD_BYTES_MAX - len(content)))
        if not more:
            break
        content += more
    return content


def _decode(name: str, content: bytes, unread_bytes: int, last: bytes, mtime_ns: int) -> SpoolFile:
    fields, start = _decode_header(content)
    trailer = _trailer(name) if start else b""
    # A file that was cut within its trailer still has its whole payload.
    end_bytes = _overlap_bytes(last, 0, trailer) if unread_bytes else _overlap_bytes(content, start, trailer)
    size_bytes = len(content) + unread_bytes
    payload = content[start : size_bytes - end_bytes]
    identity = f"{name}\0{mtime_ns}\0{size_bytes}\0".encode("utf-8", "surrogateescape") + content
    if _IDENTITY in fields:
        identity = fields[_IDENTITY].encode("utf-8", "surrogateescape")
    digest = blake2b(identity, digest_size=16)
    return SpoolFile(
        name=name,
        clock_ns=_clock_ns(fields, mtime_ns),
        variables={key: value for key, value in fields.items() if key not in _NOT_VARIABLES},
        payload=payload,
        payload_bytes=size_bytes - end_bytes - start,
        ended=0 < end_bytes == len(trailer),
        mtime_ns=mtime_ns,
        digest=digest.hexdigest(),
        reason=fields.get(_REASON),
    )


def _decode_header(content: bytes) -> tuple[dict[str, str], int]:
    """Return the fields and where the payload starts; a field without its end is not one."""
    if not content.startswith(MAGIC):
        return {}, len(content) if MAGIC.startswith(content) else 0
    fields: dict[str, str] = {}
    start = len(MAGIC)
    for _ in range(HEADER_FIELDS_MAX):
        end = content.find(b"\0", start)
        if end < 0:
            return fields, len(content)
        if end == start:
            return fields, end + 1
        key, _, value = content[start:end].decode("utf-8", "surrogateescape").partition("=")
        fields[key] = value
        start = end + 1
    return {}, 0


def _encode_header(fields: Mapping[str, str]) -> bytes:
    if any("\0" in value for value in fields.values()):
        raise ValueError("a variable cannot hold a NUL")
    text = "".join(f"{key}={value}\0" for key, value in fields.items())
    return MAGIC + text.encode("utf-8", "surrogateescape") + b"\0"


def _trailer(name: str) -> bytes:
    return b"\0cc-otel-end " + os.fsencode(name) + b"\n"


def _overlap_bytes(content: bytes, start: int, trailer: bytes) -> int:
    """Return how much of the trailer stands at the end; JSON has no raw NUL that could be taken for its first byte."""
    found = content.rfind(b"\0", start)
    return len(content) - found if found >= 0 and trailer.startswith(content[found:]) else 0


def _recorded_only(variables: Mapping[str, str]) -> dict[str, str]:
    return {key: variables[key] for key in RECORDED if key in variables}


def _clock_ns(fields: Mapping[str, str], mtime_ns: int) -> int:
    if given := _NS.fullmatch(fields.get(_CLOCK_NS, "")):
        return int(given[0])
    if match := _CLOCK.fullmatch(fields.get("CLOCK", "")):
        clock_ns = int(match[1]) * 1_000_000_000 + int(match[2].ljust(9, "0"))
        if abs(clock_ns - mtime_ns) <= CLOCK_ERROR_NS_MAX:
            return clock_ns
    return mtime_ns


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
