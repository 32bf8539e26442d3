"""The command that removes sessions for good, everywhere: ``forget``."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from cc_otel import files
from cc_otel.agent.lock import AlreadyRunning, HomeLock, is_locked
from cc_otel.cli.common import fail, json_option, print_json, say, with_settings
from cc_otel.cli.compose.store import open_store
from cc_otel.cli.uninstall import stop_agent
from cc_otel.config import Home, Settings
from cc_otel.graph.store import GraphStore, Query, StoreUnavailable
from cc_otel.journal.database import JournalUnavailable
from cc_otel.journal.journal import Journal
from cc_otel.text import squeezed
from cc_otel.view.sessions import Ambiguous, NoSuchSession, session_named

_FOLDERS: Final = {"spool": ("spool", "new"), "failed": ("spool", "failed"), "dead": ("dead",)}
"""Where files of events and spans lie in a home, by what the answer calls them."""


@click.command()
@with_settings("store", "arango_password_file")
@click.option("--session", "sessions", multiple=True, metavar="ID", help="A session, or the beginning of its id.")
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="All sessions that were started in this folder or below it.",
)
@click.option("--dry-run", is_flag=True, help="Remove nothing: count what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def forget(
    home: Home,
    settings: Settings,
    sessions: tuple[str, ...],
    project: Path | None,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """
    Remove sessions for good, from everywhere here.

    That is the graph, the journal, the spool, the cache and the dead letters.

    What other sessions share (a file, a tool) stays. The agent is stopped meanwhile, and starts again with the next
    event. What was sent to other receivers, Jaeger for one, is not reached from here; nor are Claude Code's own
    transcripts.
    """
    if not sessions and project is None:
        raise click.UsageError("say what to forget: --session ID or --project FOLDER")
    try:
        with closing(open_store(home, settings)) as store:
            ids = _named(store, home, sessions) + (_of_project(store, project.absolute()) if project else [])
            ids = list(dict.fromkeys(ids))
            if not (dry_run or yes or as_json) and ids:
                click.confirm(f"Remove {len(ids)} session{'s' * (len(ids) != 1)} for good?", abort=True, err=True)
            counts = _forget(home, store, ids, dry_run=dry_run)
    except (StoreUnavailable, JournalUnavailable, Ambiguous) as error:
        fail(squeezed(str(error)))
    except NoSuchSession as error:
        fail(squeezed(f"{error}; `cc-otel query sessions` lists what is"))
    except AlreadyRunning as error:
        fail(f"{error}: run the command again")
    if as_json:
        print_json({"sessions": ids, "removed": counts, "dry_run": dry_run})
        return
    say(f"{'Would remove' if dry_run else 'Removed'} {len(ids)} session{'s' * (len(ids) != 1)}: {_listed(counts)}.")


def _named(store: GraphStore, home: Home, names: Sequence[str]) -> list[str]:
    """Return whole ids; of a session that is in the journal alone, too, where its whole id is given."""
    found = []
    for name in names:
        try:
            found.append(session_named(store, name))
        except (NoSuchSession, StoreUnavailable):
            if not _is_in_journal(home, name):
                raise
            found.append(name)
    return found


def _is_in_journal(home: Home, session_id: str) -> bool:
    if not home.journal.exists():
        return False
    with closing(Journal(home.journal, read_only=True)) as journal:
        return journal.erase([session_id], dry_run=True).total() > 0


def _of_project(store: GraphStore, folder: Path) -> list[str]:
    rows = store.query(Query("sessions"))
    inside = [row for row in rows if row["folder"] and Path(str(row["folder"])).is_relative_to(folder)]
    return [str(row["session_id"]) for row in inside]


def _forget(home: Home, store: GraphStore, ids: Sequence[str], *, dry_run: bool) -> Mapping[str, int]:
    """Remove sessions from everything that a home has, or count; the agent must not write meanwhile."""
    if not ids:
        return {}
    if dry_run or not home.path.is_dir():
        return _everywhere(home, store, ids, dry_run=True) if dry_run else dict(store.forget(ids))
    if is_locked(home.path):
        stop_agent(home)
    with HomeLock(home.path):
        return _everywhere(home, store, ids, dry_run=False)


def _everywhere(home: Home, store: GraphStore, ids: Sequence[str], *, dry_run: bool) -> Mapping[str, int]:
    texts = [session_id.encode() for session_id in ids]
    counts: dict[str, int] = {}
    # What would become spans again goes first.
    for name, parts in _FOLDERS.items():
        counts[name] = files.forget(home.path.joinpath(*parts), texts, dry_run=dry_run)
    if home.journal.exists():
        with closing(Journal(home.journal, owner=not dry_run, read_only=dry_run)) as journal:
            counts |= {f"journal {name}": number for name, number in journal.erase(ids, dry_run=dry_run).items()}
    if home.cache.exists():
        counts["cache"] = _forget_sentences(home, store, ids, dry_run=dry_run)
    return counts | dict(store.forget(ids, dry_run=dry_run))


def _forget_sentences(home: Home, store: GraphStore, ids: Sequence[str], *, dry_run: bool) -> int:
    """Remove the sentences that models wrote about these sessions: the cache does not know of sessions."""
    from cc_otel.agent.summary.cache import forget_texts  # noqa: PLC0415 - rarely needed

    said = {
        str(row["summary"])
        for session_id in ids
        for row in store.query(Query("spans", {"session_id": session_id}))
        if row["summary"]
    }
    return forget_texts(home.cache, said, dry_run=dry_run)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "nothing was there"
