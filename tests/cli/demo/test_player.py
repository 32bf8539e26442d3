"""The demo's player: events and transcripts agree, however slow the machine is."""

import json
from datetime import datetime
from pathlib import Path

from cc_otel.cli.demo.player import Player, records_of

SLOW_HOOK = 'exec >>"$h/hooks"; date +%s%N; sleep 0.0$((RANDOM % 9)); sleep 0.0$(($$ % 9)); date +%s%N'
MS = 1_000_000


def test_events_and_transcripts_agree(tmp_path: Path) -> None:
    """What was recorded between two events is written between them, with a time between them, beside a slow hook."""
    tmp_path.joinpath("record.sh").write_text(SLOW_HOOK)
    player = Player(tmp_path)
    played = list(player.play())

    times = [int(line) for line in (tmp_path / "hooks").read_text().split()]
    ran = list(zip(times[::2], times[1::2], strict=True))
    recorded = [event["t_ns"] for event in player.events]
    assert played == list(range(len(recorded)))
    assert len(ran) == len(recorded)
    for name, path in (("transcript.jsonl", player.transcript), ("subagent.jsonl", player.agents)):
        written = [json.loads(line) for line in path.read_text().splitlines()]
        was = list(records_of(name, path))
        assert [it["type"] for it in written] == [json.loads(it.text)["type"] for it in was]
        for line, record in zip(written, was, strict=True):
            at_ns = datetime.fromisoformat(line["timestamp"]).timestamp() * 1e9
            before = [end for (_, end), t_ns in zip(ran, recorded, strict=True) if t_ns <= record.at_s * 1e9]
            after = [begin for (begin, _), t_ns in zip(ran, recorded, strict=True) if t_ns > record.at_s * 1e9]
            assert max(before, default=0) - MS < at_ns < min(after, default=at_ns + MS)
