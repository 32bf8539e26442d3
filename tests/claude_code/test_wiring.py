"""Wiring in settings: ours goes in and comes out, and nothing else moves."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from cc_otel.claude_code.event_table import EVENTS, Choice, wired_rows
from cc_otel.claude_code.hook import wired_command, wired_home
from cc_otel.claude_code.wiring import NotWirable, groups, homes, named, unwire, wire, wired
from tests.settings_texts import THEIRS, parsed, settings, values

MANY = limits(max_examples=100, deadline=None)
FEW = limits(MANY, max_examples=40)

HOME = Path('/home/it\'s a "$(home)"/.cc-otel')
RELEASED = (
    'h={}; {}command . "$h/record.sh" 2>/dev/null; exit 0',
    "trap 'exit 0' 0; h={}; {}. \"$h/record.sh\" 2>/dev/null; exit 0",
)
"""Each form of the command that was ever released: in settings somewhere it stands for ever. Only add to these."""

OTHER_HOME = Path("/elsewhere\nand ${CLAUDE_PROJECT_DIR}; exit 2")
HOMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).map(lambda text: Path(f"/{text}"))


def with_ours(before: Any, home: Path = HOME) -> Any:
    """Return the settings that are expected: the old ones, and one group more for each event."""
    hooks = dict(before.get("hooks", {}))
    for event, group in as_read(groups(home)).items():
        hooks[event] = [*hooks.get(event, []), group]
    return before | {"hooks": hooks}


def quoted(home: Path) -> str:
    """Return a home as it stands in every form of the command."""
    return shlex.quote(str(home)).replace("${", "$''{")


def as_read(value: object) -> Any:
    """Return a value as it is read from a file."""
    return parsed(json.dumps(value))


def test_events() -> None:
    """All events are wired but the one that breaks worktrees; messages and compactions where they are asked for."""
    asked_for = {"MessageDisplay", "PreCompact", "PostCompact"}

    assert groups(HOME).keys() == EVENTS.keys() - {"WorktreeCreate"} - asked_for
    assert groups(HOME, Choice(messages=True)).keys() == groups(HOME).keys() | {"MessageDisplay"}
    assert groups(HOME, Choice(compactions=True)).keys() == groups(HOME).keys() | {"PreCompact", "PostCompact"}


def test_handlers() -> None:
    """A handler is the command with a timeout of 5 s; two events also start the agent."""
    expected = {
        row.name: {"hooks": [{"type": "command", "command": wired_command(HOME, starts_agent=starts), "timeout": 5}]}
        for row in wired_rows()
        for starts in [row.name in {"SessionStart", "UserPromptSubmit"}]
    }

    assert groups(HOME) == expected


@MANY
@given(settings())
def test_there_and_back(before: str) -> None:
    """What is wired and unwired is what it was, byte for byte."""
    assert before == unwire(wire(before, HOME), before)


@MANY
@given(settings())
def test_adds_ours(before: str) -> None:
    """Wiring adds one group to each event's list and changes nothing else, the order of keys included."""
    after = parsed(wire(before, HOME))

    assert with_ours(parsed(before)) == after
    assert [*parsed(before), "hooks"][: len(after)] == list(after)


@FEW
@given(settings())
def test_twice_is_once(before: str) -> None:
    """Wiring again changes nothing, whoever has written the file in another form meanwhile."""
    once = wire(before, HOME)
    rewritten = json.dumps(json.loads(once.removeprefix("\ufeff"), parse_int=str), indent=4).replace('"5"', "5")

    assert once == wire(once, HOME, before=before)
    assert once == wire(once, HOME)
    assert rewritten == wire(rewritten, HOME)


@FEW
@given(settings(), st.booleans())
def test_replaces_older(before: str, messages: bool) -> None:
    """Whatever wiring of ours is there, of another home or of other events, gives way to the new one."""
    older = wire(before, OTHER_HOME, Choice(messages=messages))

    assert wire(before, HOME) == wire(older, HOME, before=before)
    assert {OTHER_HOME} == homes(older)


@FEW
@given(settings(), st.sampled_from(RELEASED), st.booleans())
def test_replaces_released_forms(before: str, form: str, compactions: bool) -> None:
    """A command of ours as any release has written it is replaced where it stands, and is taken out like today's."""
    now = wire(before, HOME, Choice(compactions=compactions))
    older = now
    for starts in (True, False):
        command = wired_command(HOME, starts_agent=starts)
        theirs = form.format(quoted(HOME), "s=1; " if starts else "")
        older = older.replace(json.dumps(command, ensure_ascii=False), json.dumps(theirs, ensure_ascii=False))

    assert wire(older, HOME, Choice(compactions=compactions), before=before) == now
    assert unwire(older, before) == before
    assert homes(older) == {HOME}


def test_replaces_in_place() -> None:
    """Where others have wired themselves around ours, it stays between them, and once."""
    older = RELEASED[0].format("/home/x/.cc-otel", "")
    [ours] = as_read(groups(HOME)["Stop"])["hooks"]
    group = {"hooks": [ours | {"command": older}]}
    stop = json.loads(wire(json.dumps({"hooks": {"Stop": [THEIRS, group, THEIRS, group]}}), HOME))["hooks"]["Stop"]

    assert as_read(stop) == [as_read(THEIRS), {"hooks": [ours]}, as_read(THEIRS)]


def test_compactions_go_again() -> None:
    """The events of compactions go, and nothing else moves, where they are not asked for any more."""
    with_compactions = wire("", HOME, Choice(compactions=True))

    assert wire(with_compactions, HOME) == wire("", HOME)


@FEW
@given(settings())
def test_other_home_stays(before: str) -> None:
    """Unwiring one home leaves the wiring of another."""
    older = wire(before, OTHER_HOME)

    assert older == unwire(older, before, HOME)
    assert before == unwire(older, before, OTHER_HOME)


@FEW
@given(settings(), values(), st.booleans())
def test_edit_in_between(before: str, edit: str, in_hooks: bool) -> None:
    """What others write elsewhere in the meantime stays, byte for byte."""
    mark = json.dumps("edited here")
    theirs = f'"hooks": {{"Stop": [{{"hooks": [{mark}]}}]}}' if in_hooks else f'"other": {mark}'
    start = before.find("{") + 1
    assume(start)
    marked = before[:start] + theirs + ("," if parsed(before) else "") + before[start:]
    assume(not in_hooks or "hooks" not in parsed(before))

    assert marked.replace(mark, edit) == unwire(wire(marked, HOME).replace(mark, edit), marked)


def add_setting(settings: Any) -> None:
    """Do what a theme picker does."""
    settings["theme"] = "dark"


def add_first(settings: Any) -> None:
    """Wire another tool before everybody else."""
    settings.setdefault("hooks", {}).setdefault("Stop", []).insert(0, THEIRS)


def add_last(settings: Any) -> None:
    """Wire another tool after everybody else."""
    settings.setdefault("hooks", {}).setdefault("Stop", []).append(THEIRS)


def add_event(settings: Any) -> None:
    """Wire an event that we leave alone."""
    settings.setdefault("hooks", {}).setdefault("WorktreeCreate", []).append(THEIRS)


@FEW
@given(settings(), st.sampled_from([add_setting, add_first, add_last, add_event]))
def test_rewritten_in_between(before: str, edit: Callable[[Any], None]) -> None:
    """A program that reads the settings, changes something and writes all of it anew gets along with us."""
    rewritten, expected = parsed(wire(before, HOME)), parsed(before)
    edit(rewritten)
    edit(expected)

    assert as_read(expected) == parsed(unwire(json.dumps(rewritten, indent=2), before))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "{}\n"),
        ('{"hooks": {}}', "{}"),
        ('{"model": "opus"}', '{"model": "opus"}'),
        ('{"hooks": {"Stop": [], "Setup": [7]}}', '{"hooks": {"Setup": [7]}}'),
    ],
)
def test_without_memory(before: str, after: str) -> None:
    """Where nobody knows what was there before, what is empty without us goes."""
    assert after == unwire(wire(before, HOME))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("indent", [1, 2, 4, "\t"])
@pytest.mark.parametrize(
    "before",
    [
        {"model": "opus"},
        {"hooks": {}, "model": "opus"},
        {"env": {"A": "b"}, "hooks": {"Stop": [THEIRS], "PreToolUse": []}},
    ],
)
def test_indentation(before: Any, indent: int | str, end: str, mark: str, newline: str) -> None:
    """What is added looks as if the settings' own author had written it."""

    def written(settings: Any) -> str:
        return mark + (json.dumps(settings, indent=indent) + end).replace("\n", newline)

    hooks = {**before.get("hooks", {})}
    hooks |= {event: [*hooks.get(event, []), group] for event, group in groups(HOME).items()}

    assert written(before | {"hooks": hooks}) == wire(written(before), HOME)


@pytest.mark.parametrize("before", [{"model": "opus"}, {"hooks": {"Stop": [THEIRS]}}, {"hooks": {"Stop": []}}])
def test_one_line(before: Any) -> None:
    """Settings on one line stay on one line."""
    hooks = {**before.get("hooks", {})}
    hooks |= {event: [*hooks.get(event, []), group] for event, group in groups(HOME).items()}
    separators = (",", ":")

    assert json.dumps(before | {"hooks": hooks}, separators=separators) == wire(
        json.dumps(before, separators=separators), HOME
    )


@pytest.mark.parametrize("before", ["", "{}", "{ }", "{}\n", "\n", "{\r\n}"])
def test_nothing_there(before: str) -> None:
    """Empty settings are written on lines of their own, by two spaces."""
    newline = "\r\n" if "\r" in before else "\n"
    written = json.dumps({"hooks": {event: [group] for event, group in groups(HOME).items()}}, indent=2)

    assert written.replace("\n", newline) == wire(before, HOME).strip()


@pytest.mark.parametrize("damaged", ["{", "[]", "{]}"])
def test_damaged_memory(damaged: str) -> None:
    """A backup that is no settings any more is as good as none."""
    text = wire('{"hooks": {}}', HOME)

    assert unwire(text, damaged) == unwire(text)


def test_edited_by_hand() -> None:
    """A hook that somebody adds after ours, in the same style, stays as written."""
    before = '{\n  "hooks": {}\n}\n'
    theirs = '"Notification": [\n      1\n    ]'
    edited = wire(before, HOME).replace("\n  }\n}\n", f",\n    {theirs}\n  }}\n}}\n")

    assert f'{{\n  "hooks": {{\n    {theirs}\n  }}\n}}\n' == unwire(edited, before)


def test_moved_into_their_group() -> None:
    """Our handler is taken out of a group that holds another tool's; one of ours alone goes with its matcher."""
    [ours] = as_read(groups(HOME)["Stop"])["hooks"]
    mixed = {"hooks": {"Stop": [{"hooks": [*THEIRS["hooks"], ours]}, {"matcher": "x", "hooks": [ours]}]}}

    assert {"hooks": {"Stop": [{"hooks": THEIRS["hooks"]}]}} == json.loads(unwire(json.dumps(mixed)))


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        ("[]", "line 1, column 1: the whole is not an object"),
        ('{\n  // mine\n  "a": 1}', "line 2, column 3: "),
        ('{"a": 1,}', "line 1, column "),
        ('\ufeff{"a": 1', "line 1, column 8: "),
        ('{"a": NaN}', "NaN is no JSON value"),
        ("[" * 100_000, "it is nested too deeply"),
        ('\n{"hooks": null}', "line 2, column 11: hooks is not an object"),
        ('{"hooks": {},\n\n "hooks": []}', "line 3, column 11: hooks is not an object"),
        ('{"hooks": {\n"Stop": {}}}', "line 2, column 9: hooks.Stop is not a list"),
    ],
)
def test_refuses(broken: str, where: str) -> None:
    """What Claude Code could not read, or where there is no place for ours, is refused with the place."""
    with pytest.raises(NotWirable) as refused:
        wire(broken, HOME)

    assert str(refused.value).startswith(where)


@FEW
@given(settings(), st.data())
def test_damaged(before: str, data: st.DataObject) -> None:
    """A file that was damaged anywhere is refused, or was still JSON and is treated as such."""
    at = data.draw(st.integers(0, len(before)))
    damaged = before[:at] + data.draw(st.sampled_from(["", "{", "}", "]", '"', ",", "#"])) + before[at + 1 :]
    try:
        after = wire(damaged, HOME)
    except NotWirable:
        return

    assert with_ours(parsed(damaged)) == parsed(after)
    assert damaged == unwire(after, damaged)


@FEW
@given(HOMES)
def test_home_of_command(home: Path) -> None:
    """The home is read back from the command that is wired to it, whatever its path."""
    assert home == wired_home(wired_command(home))
    assert home == wired_home(wired_command(home, starts_agent=True))


@pytest.mark.parametrize(
    "command",
    [
        "",
        "./lint.sh",
        'h=/x; command . "$h/other.sh" 2>/dev/null; exit 0',
        "trap 'exit 0' 0; h=/x; . \"$h/other.sh\" 2>/dev/null; exit 0",
        "trap 'exit 1' 0; h=/x; . \"$h/record.sh\" 2>/dev/null; exit 0",
        'h=/x. "$h/record.sh" 2>/dev/null; exit 0',
        'h=\'/x; command . "$h/record.sh" 2>/dev/null; exit 0',
        'echo; h=/x; command . "$h/record.sh" 2>/dev/null; exit 0',
    ],
)
def test_not_ours(command: str) -> None:
    """A command that is not exactly ours belongs to somebody else."""
    text = json.dumps({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": command}]}]}})

    assert text == unwire(text)
    assert wired(text) == {}


def test_a_client_that_drops_what_it_does_not_know_gets_what_it_knows() -> None:
    """For a client before 2.1.101 only events of its own are wired; newer wiring gives way to it, and back."""
    early = Choice(early=True)

    assert groups(HOME, early).keys() == {name for name in groups(HOME) if EVENTS[name].early}
    assert "PostToolBatch" not in named(wire("", HOME, early))
    assert wire(wire("", HOME), HOME, early) == wire("", HOME, early)
    assert named(wire(wire("", HOME, early), HOME)) == set(groups(HOME))


@pytest.mark.parametrize(
    ("text", "events"),
    [("", set()), ("{}", set()), ('{"hooks": []}', set()), ('{"hooks": {"Stop": [], "Else": 3}}', {"Stop", "Else"})],
)
def test_names_all_events_that_settings_have_hooks_for(text: str, events: set[str]) -> None:
    """Hooks of others count too: the client drops the file over any name."""
    assert named(text) == events
