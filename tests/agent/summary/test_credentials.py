"""The file of model credentials: who may read it, what it may hold, and that nothing else reaches a model."""

from pathlib import Path

import pytest

from cc_otel.agent.summary.credentials import BadCredentials, Credentials
from cc_otel.agent.summary.process import ModelProcess
from cc_otel.agent.summary.prompt import SCHEMA


def write(path: Path, text: str, mode: int = 0o600) -> Credentials:
    """Write a file of credentials."""
    path.write_text(text)
    path.chmod(mode)
    return Credentials(path)


def test_variables_are_read(tmp_path: Path) -> None:
    """Names and values are read as a shell would, comments and blank lines are nothing."""
    text = "# keys\n\nA_KEY=abc=def\nexport B_KEY = 'with space'\n  C_KEY=\"q\"  \nD_KEY=\n"
    variables = write(tmp_path / "model.env", text).environment()

    assert {name: value for name, value in variables.items() if name.endswith("_KEY")} == {
        "A_KEY": "abc=def",
        "B_KEY": "with space",
        "C_KEY": "q",
        "D_KEY": "",
    }


def test_environment_is_not_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the agent's own environment says about models, or about Python, does not reach the model process."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "PYTHONPATH", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "from a cloned repository")
    monkeypatch.setenv("HOME", "/home/u")
    environment = Credentials(tmp_path / "model.env").environment()

    assert environment["HOME"] == "/home/u"
    assert environment.keys() <= {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_file_that_others_may_read_is_refused(mode: int, tmp_path: Path) -> None:
    """A file that anybody else may read is not used, and the message says what to do."""
    credentials = write(tmp_path / "model.env", "A_KEY=secret\n", mode)

    with pytest.raises(BadCredentials) as refused:
        credentials.environment()
    assert f"others may read {tmp_path}/model.env: run chmod 600 {tmp_path}/model.env" == str(refused.value)


@pytest.mark.parametrize("line", ["just words", "A-B=c", "=c", "A=b\0c"])
def test_line_of_another_form_is_refused(line: str, tmp_path: Path) -> None:
    """A line that is no variable is told by its number, without what it holds."""
    credentials = write(tmp_path / "model.env", f"A_KEY=secret\n{line}\n")

    with pytest.raises(BadCredentials) as refused:
        credentials.environment()
    assert f"{tmp_path}/model.env, line 2: write NAME=value" == str(refused.value)


def test_edition_changes_with_the_file(tmp_path: Path) -> None:
    """Whoever asks can tell that the file was written, closed to others, or removed."""
    path = tmp_path / "model.env"
    credentials = Credentials(path)
    editions = [credentials.edition()]
    write(path, "A_KEY=1\n", 0o644)
    editions.append(credentials.edition())
    path.chmod(0o600)
    editions.append(credentials.edition())
    path.unlink()

    assert len(set(editions)) == 3
    assert editions[0] == credentials.edition()


def test_bad_file_is_one_clear_failure(tmp_path: Path) -> None:
    """A file that cannot be used fails every question at once, in words, and nothing is started."""
    write(tmp_path / "model.env", "A_KEY=secret\n", 0o644)
    process = ModelProcess(Credentials(tmp_path / "model.env"))
    answer = process.ask("openai/gpt-5-nano", [], SCHEMA, 10)

    assert ("credentials", f"others may read {tmp_path}/model.env: run chmod 600 {tmp_path}/model.env") == (
        answer.failure,
        answer.detail,
    )
    assert process.memory_bytes() == 0
