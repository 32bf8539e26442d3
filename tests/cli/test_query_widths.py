"""The tables of questions at the widths that terminals have, of rows with long and wide content."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from cc_otel.cli import main
from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.span import AttributeValue
from tests.graph.made import span, tool

LONG = "漢字を書く 🎉 e\u0301 " * 20
NAME = "résumé-漢字-🎉.py"
MODEL = "claude-opus-" + "5-" * 20
FOLDER = f"/home/dev/{'とても長い/' * 12}app"
AGES = ("--days", "36500")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with a session whose texts are long and wide, and whose numbers are large."""
    folder = tmp_path_factory.mktemp("home")
    where: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "invoke_agent",
        "cc_otel.hook.event": "UserPromptSubmit",
        "cc_otel.summary": LONG,
        "process.working_directory": FOLDER,
    }
    took: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.response.model": MODEL,
        "gen_ai.usage.input_tokens": 1_234_567_890,
        "gen_ai.usage.output_tokens": 98_765_432,
        "cc_otel.cost_usd": 12_345.6789,
    }
    edit = tool(3, "Edit", f'{{"file_path": "{FOLDER}/{NAME}"}}', LONG, parent=1, error="exit_1")
    edit.attributes["file.path"] = f"{FOLDER}/{NAME}"  # type: ignore[index]
    edit.attributes["cc_otel.file.operation"] = "edit"  # type: ignore[index]
    store = SqliteStore(folder / "graph.db")
    store.write(
        mapping.of(
            [span(1, "invoke_agent claude-code", attributes=where), span(2, "chat", parent=1, attributes=took), edit]
        )
    )
    store.close()
    return folder


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize(
    ("question", "whole"),
    [
        (("sessions",), ("session-", "$12345.6789", "1 session")),
        (("files", *AGES), (NAME, "1 file")),
        (
            ("cost", "--by", "session", *AGES),
            ("session-", "1,234,567,890", "98,765,432", "$12345.6789", "Total: 1 model"),
        ),
        (("cost", "--by", "project", *AGES), ("1,234,567,890", "98,765,432", "$12345.6789", "app  ")),
        (("cost", "--by", "day", *AGES), ("2027-01-15", "1,234,567,890", "98,765,432", "$12345.6789")),
        (("spans", "--status", "ERROR"), ("session-", "2027-01-15", "10 ms", "exit_1")),
        (("traces", *AGES), ("a1" * 16,)),
    ],
    ids=lambda value: " ".join(value) if value and value[0].islower() else "",
)
def test_numbers_and_names_are_whole(home: Path, width: int, question: tuple[str, ...], whole: tuple[str, ...]) -> None:
    """No line is wider than the terminal, and no number and no file name is cut."""
    terminal = {"COLUMNS": str(width), "LINES": "25", "FORCE_COLOR": "1", "TERM": "dumb"}
    shown = CliRunner().invoke(main, ["query", *question, "--home", str(home)], env=terminal).output

    assert [line for line in shown.splitlines() if cell_len(line) > width] == []
    assert [part for part in whole if part not in shown] == []
