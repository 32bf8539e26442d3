"""The question that is answered with a tree: ``query tree``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from cc_otel.cli.common import console, fail, say, with_settings
from cc_otel.cli.query_output import format_options, print_for_programs
from cc_otel.cli.query_reading import open_spans_of, reading
from cc_otel.cli.table import counted
from cc_otel.cli.tree_markdown import markdown
from cc_otel.cli.tree_view import Look, trees
from cc_otel.cli.watching import keep_looking
from cc_otel.config import Home, Settings
from cc_otel.graph.store import GraphStore
from cc_otel.view.sessions import LAST
from cc_otel.view.tree_amounts import amounts_of, cost_rows
from cc_otel.view.tree_parts import NoSuchTurn, failures, is_failure, of_turn
from cc_otel.view.trees import TreeSpan, forest, spans_of

if TYPE_CHECKING:
    from rich.segment import Segment
    from rich.text import Text
    from rich.tree import Tree

EVERY_S: Final = 0.5
"""Between two looks at a tree that is followed."""


def _turn(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Take the number of a turn, or the word for the last."""
    if value is not None and value != LAST and not (value.isascii() and value.isdigit() and len(value) < 10):
        raise click.BadParameter(f"{value!r} is no number, nor `last`")
    return value


@click.command()
@click.argument("what", metavar="SESSION|TRACE|last")
@with_settings("store", "arango_password_file")
@click.option("--turn", metavar="N|last", callback=_turn, help="Only this turn, counted from 1.")
@click.option("--errors", is_flag=True, help="Only what failed or was refused, and what it stands below.")
@click.option("--depth", type=click.IntRange(min=0), help="So many levels below the roots; the rest is counted.")
@click.option("--clock", "clocks", is_flag=True, help="Show on every line when it began.")
@click.option("--all", "everything", is_flag=True, help="Show every hook event, also those without news.")
@click.option("--ids", is_flag=True, help="Show the name by which `cc-otel query span` knows each span.")
@click.option("--follow", is_flag=True, help="Draw it again as it grows, until Ctrl-C.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@format_options()
def tree(
    home: Home,
    settings: Settings,
    what: str,
    turn: str | None,
    depth: int | None,
    form: str | None,
    *,
    errors: bool,
    clocks: bool,
    everything: bool,
    ids: bool,
    follow: bool,
    as_markdown: bool,
) -> None:
    """
    Show a session or a trace as a tree, in order of time, with what is still going on.

    A session may be named by its beginning; `last` is the newest one, doctor's own aside. Turns and agents have the
    tokens, dollars and waits of all below them.
    """
    look = Look(everything=everything, ids=ids, clocks=clocks, depth=depth)
    if follow:
        if form or as_markdown or not console().is_terminal:
            raise click.UsageError("--follow draws on a terminal; for programs there is `cc-otel tail`")
        _follow(home, settings, what, turn, look, errors=errors)
        return
    with reading(home, settings) as store:
        found, spans = _spans(store, home, settings, what, turn, errors=errors)
        if form:
            print_for_programs([it.to_json() for it in spans], form)
            return
        look = _with_amounts(store, look, spans if not errors else found)
    if as_markdown:
        click.echo("\n".join(markdown(spans, look)))
        return
    terminal = console()
    for root in trees(spans, look):
        terminal.print(root)
    if errors:
        say(_how_many(found, spans))


def _spans(
    store: GraphStore, home: Home, settings: Settings, what: str, turn: str | None, *, errors: bool
) -> tuple[Sequence[TreeSpan], Sequence[TreeSpan]]:
    """Return the spans that are looked at, and those of them that are drawn; fail where there is no such turn."""
    found: Sequence[TreeSpan] = spans_of(store, what, open_spans_of(home, settings))
    if turn is not None:
        try:
            found = of_turn(found, turn)
        except NoSuchTurn as error:
            fail(str(error))
    return found, failures(found) if errors else found


def _with_amounts(store: GraphStore, look: Look, spans: Sequence[TreeSpan]) -> Look:
    return Look(look.everything, look.ids, look.clocks, look.depth, amounts_of(forest(spans), cost_rows(store, spans)))


def _how_many(found: Sequence[TreeSpan], shown: Sequence[TreeSpan]) -> str:
    failed = sum(map(is_failure, shown))
    return f"{failed:,} of {counted(len(found), 'span')} failed" if failed else "Nothing failed."


def _follow(home: Home, settings: Settings, what: str, turn: str | None, look: Look, *, errors: bool) -> None:
    """Draw the end of the tree, as far as the terminal has room, again and again; then once the whole."""
    from rich.console import Group  # noqa: PLC0415 - only what is followed needs it
    from rich.live import Live  # noqa: PLC0415 - the same

    terminal = console()
    drawn: list[Tree] = []
    with (
        reading(home, settings) as store,
        Live(console=terminal, screen=True, auto_refresh=False, vertical_overflow="crop") as live,
    ):

        def step() -> None:
            found, spans = _spans(store, home, settings, what, turn, errors=errors)
            drawn[:] = trees(spans, _with_amounts(store, look, found))
            # The end is what goes on; what does not fit is above.
            lines = terminal.render_lines(Group(*drawn), pad=False)
            room = max(terminal.height - 2, 1)
            above = len(lines) - room
            title = f"{above:,} lines above; Ctrl-C ends" if above > 0 else "Ctrl-C ends"
            live.update(Group(title, *map(_line, lines[-room:])), refresh=True)

        keep_looking(step, EVERY_S)
    for root in drawn:
        terminal.print(root)


def _line(segments: Sequence["Segment"]) -> "Text":
    from rich.text import Text  # noqa: PLC0415 - only what is followed needs it

    text = Text(no_wrap=True, overflow="ellipsis")
    for segment in segments:
        text.append(segment.text, segment.style)
    return text
