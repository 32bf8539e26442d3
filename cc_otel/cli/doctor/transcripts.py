"""Whether the transcripts that events name can be read: without them there are no model calls, tokens or dollars."""

import shlex
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from cc_otel.claude_code.payload import event_of
from cc_otel.claude_code.transcript.files import Unread
from cc_otel.claude_code.transcript.unread import UnreadTranscripts, unread
from cc_otel.cli.compose.sending import projects
from cc_otel.cli.doctor.checks import BROKEN, NOTE, OK, Check, command
from cc_otel.config import Home, Settings
from cc_otel.event import HookEvent
from cc_otel.journal.journal import Journal

SESSIONS_MAX: Final = 1000
RECENT_NS: Final = 48 * 3600 * 1_000_000_000


def transcripts(home: Home, settings: Settings) -> Iterator[Check]:
    """Check the transcripts of the sessions of the last two days, the newest thousand."""
    known = projects(home, settings)
    if not known or not home.journal.exists():
        return
    with closing(Journal(home.journal, read_only=True)) as journal:
        inputs = journal.inputs.last_events(time.time_ns() - RECENT_NS, SESSIONS_MAX)
        events = [event_of(it.fields, it.id) for it in inputs]
    paths = [event.transcript_path for event in events if isinstance(event, HookEvent)]
    found = unread(paths, known)
    yield from (_check(home, it) for it in found)
    if any(paths) and not found:
        yield Check("transcripts", OK, f"those of {len(list(filter(None, paths)))} sessions can be read")


def _check(home: Home, found: UnreadTranscripts) -> Check:
    what = f"{found.count} below {found.folder}" if found.count > 1 else f"one below {found.folder}"
    match found.reason:
        case Unread.OUTSIDE:
            fix = command(home, f"install --projects {shlex.quote(str(found.folder))}")
            return Check("transcripts", BROKEN, f"{what}, outside the folders they are read from", fix)
        case Unread.MISSING:
            return Check("transcripts", NOTE, f"{what}: gone, or never written (--no-session-persistence)")
        case _:
            folder = shlex.quote(str(found.folder))
            return Check("transcripts", BROKEN, f"{what}: {found.reason.value}", f"ls -l {folder}")
