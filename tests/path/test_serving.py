"""The graph-exporter's address: who may send to it, and whether it is spoken to."""

from pathlib import Path

import pytest

from tests.path.processes import cc_otel, record, rows, serving

ELSEWHERE = "192.0.2.1:41920"
"""An address kept for documentation (RFC 5737): nothing would come of listening on it."""


@pytest.mark.parametrize("command", ["graph-exporter", "up"])
def test_beyond_loopback_a_token_is_needed(tmp_path: Path, command: str) -> None:
    """Where other machines could send, ``graph-exporter`` and ``up`` do not start without a token, and say so."""
    done = cc_otel(command, "--home", tmp_path / "h", "--graph-listen", ELSEWHERE)

    told = f"Error: {ELSEWHERE} takes spans from other machines: set graph_token, or listen on 127.0.0.1\n"
    assert (1, told) == (done.returncode, done.stderr.decode())


def test_the_agent_knows_its_own_graphs_token(tmp_path: Path) -> None:
    """With a token, ``up`` and ``flush`` deliver into the home's own graph."""
    home = tmp_path / "h"
    home.mkdir()
    (home / "config.toml").write_text('graph_token = "secret"\n', "utf-8")
    record(home, {"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"})
    with serving("up", "--home", home):
        assert cc_otel("flush", "--home", home).returncode == 0
    record(home, {"session_id": "s", "hook_event_name": "SessionEnd", "reason": "other"})
    cc_otel("flush", "--home", home)

    (session,) = rows(cc_otel("query", "sessions", "--json", "--home", home))
    assert session["spans"] == 2


@pytest.mark.parametrize(("everywhere", "here"), [("0.0.0.0:4327", "127.0.0.1:4327"), ("[::]:4327", "[::1]:4327")])
def test_the_own_graph_is_on_this_machine(tmp_path: Path, everywhere: str, here: str) -> None:
    """Where the home's graph-exporter listens on all addresses, its agent sends over loopback, with content."""
    (tmp_path / "config.toml").write_text(f'graph_listen = "{everywhere}"\ngraph_token = "secret"\n', "utf-8")
    (status,) = rows(cc_otel("status", "--json", "--home", tmp_path))

    assert (here, "redacted") == (status["endpoint"], status["content"])
