"""The command that records events again: ``replay``."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import Progress

from cc_otel.agent.again import deliver, recorded_again
from cc_otel.agent.describe import Describer
from cc_otel.agent.lock import is_locked
from cc_otel.agent.rehearsal import rehearse
from cc_otel.cli.common import fail, json_option, with_settings
from cc_otel.cli.compose.home import prepare_home
from cc_otel.cli.compose.sending import destination, projects, resource, with_content
from cc_otel.config import Home, Settings
from cc_otel.journal.salvage import is_database, salvage
from cc_otel.otlp.encode import is_sound_envelope, is_sound_span, to_json
from cc_otel.spool import MAGIC, Spool, SpoolFull, load

FULL_WAIT_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Line:
    """One recorded event of a file: its payload, the hook's variables, and when it happened (ns), if that is known."""

    payload: bytes
    variables: Mapping[str, str]
    clock_ns: int | None


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_settings("spool_max_mb", "content", "value_max_bytes", "projects_dir", "retention_days")
@click.option("--dry-run", is_flag=True, help="Send nothing: print the OTLP that would be sent.")
@json_option
def replay(home: Home, settings: Settings, files: tuple[Path, ...], dry_run: bool, as_json: bool) -> None:
    """
    Record events again, from files.

    They keep their original times. A file holds recorded streams ({"t_ns", "env", "payload"} a line), plain payloads
    (one a line), is a file of the spool, or a journal that was set aside (journal.db.broken-...), of which what can be
    read is sent. One of this home's failed/ leaves it: should it fail again, it comes back.
    With --dry-run --json each line printed is one ExportTraceServiceRequest, and nothing is sent.
    """
    salvages = [salvage(path) for path in files if is_database(path)]
    lines = [line for path in files if not is_database(path) for line in read_lines(path)]
    lines += [Line(*event) for it in salvages for event in recorded_again(it.events)]
    spans = [
        span for it in salvages for span in it.spans if is_sound_envelope(span.resource) and is_sound_span(span.span)
    ]
    if dry_run:
        requests = [*([to_json(spans)] if spans else []), *_rehearse(home, settings, lines)]
        for request in requests:
            click.echo(request if as_json else f"{len(request)} bytes of OTLP JSON")
        return
    if spans and (error := deliver(spans, destination(home, settings))):
        fail(f"the spans of the journal were not delivered, and nothing was recorded: {error}")
    count = _record(home, settings, lines)
    failed = (home.spool / "failed").resolve()
    for path in files:
        if path.resolve().parent == failed:
            path.unlink(missing_ok=True)
    expired = _expired(lines, settings.retention_days, time.time_ns())
    if as_json:
        click.echo(json.dumps({"recorded": count, "expired": expired} | ({"delivered": len(spans)} if spans else {})))
        return
    if spans:
        click.echo(f"{len(spans)} spans of the journal were delivered.")
    click.echo(f"{count} events recorded. `cc-otel flush` waits until they are delivered.")
    if expired:
        click.echo(
            f"{expired} of them are older than retention_days ({settings.retention_days:g}): the graph removes them."
            " With retention_days = 0 it keeps everything.",
            err=True,
        )


def _expired(lines: Iterable[Line], retention_days: float, now_ns: int) -> int:
    """Return how many events are too old for the graph to keep."""
    oldest_ns = now_ns - int(retention_days * 86_400e9)
    return sum(bool(retention_days) and line.clock_ns is not None and line.clock_ns < oldest_ns for line in lines)


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the events of a file in any of the three forms. Blank lines hold none."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            recorded = load(path)
            yield Line(recorded.payload, recorded.variables, recorded.clock_ns)
            return
        file.seek(0)
        for number, data in enumerate(file, 1):
            if data.strip():
                yield _line(data, f"{path}:{number}")


def _line(data: bytes, where: str) -> Line:
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        fail(f"{where} is no JSON object: give a recorded stream, payloads one a line, or a file of the spool")
    if "payload" not in value or "t_ns" not in value:
        return Line(data.strip(), {}, None)
    env = value.get("env")
    variables = {k: v for k, v in env.items() if isinstance(v, str)} if isinstance(env, dict) else {}
    payload = json.dumps(value["payload"], ensure_ascii=True, separators=(",", ":")).encode()
    return Line(payload, variables, value["t_ns"] if isinstance(value["t_ns"], int) else None)


def _record(home: Home, settings: Settings, lines: list[Line]) -> int:
    prepare_home(home)
    spool = Spool(home.spool, settings.spool_max_mb << 20)
    spool.prepare()
    _fill(home, spool, lines)
    return len(lines)


def _fill(home: Home, spool: Spool, lines: list[Line]) -> None:
    seen: dict[bytes, int] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for line in progress.track(lines, description="Recording"):
            digest = blake2b(repr(line).encode(), digest_size=12).digest()
            seen[digest] = seen.get(digest, 0) + 1
            # The same line of the same recording is the same event, however often it is replayed.
            _write(home, spool, line, f"replay.{digest.hex()}.{seen[digest]}")


def _write(home: Home, spool: Spool, line: Line, identity: str) -> None:
    """Write one event, waiting for room while an agent makes some."""
    while True:
        try:
            spool.write(line.payload, line.variables, line.clock_ns, identity=identity)
        except SpoolFull as error:
            if not is_locked(home.path):
                fail(f"{error}, and no agent is running to empty it: start one with `cc-otel up`")
            time.sleep(FULL_WAIT_S)
        except OSError as error:
            fail(str(error))
        else:
            return


def _rehearse(home: Home, settings: Settings, lines: list[Line]) -> Iterator[str]:
    content = with_content(settings, destination(home, settings))
    describer = Describer(resource(settings), value_bytes_max=settings.value_max_bytes, with_content=content)
    now_ns = time.time_ns()
    for parcels in rehearse(lambda spool: _fill(home, spool, lines), describer, projects(home, settings), now_ns):
        yield to_json(parcels)
