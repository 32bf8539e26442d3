"""
What summaries cost: model calls, tokens, dollars and waiting, against asking about every event as it comes.

Two workloads: the recorded sessions of the tests, played twice under other ids, and a synthetic week of a developer
(`week`), made up from a seed. Events come as they do in life: what ends together is told together, and the next thing
begins when all of that is summed up; one way is fed whole sessions at once instead, as after an outage. The model is a
loopback endpoint behind the real LiteLLM, and it counts. Tokens are cl100k's, of the messages as they were received
and of the answers as they were sent; dollars are those tokens at the price that LiteLLM's table has for `PRICED_AS`.
"""

import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil
import tiktoken

from benchmarks.table import Row, show
from cc_otel.agent.describe import SpanSource, Summary
from cc_otel.agent.summary.activity import Activity, Episode
from cc_otel.agent.summary.budget import Allowance, Budget
from cc_otel.agent.summary.cache import SharedCache, SqliteCache
from cc_otel.agent.summary.chain import Chain
from cc_otel.agent.summary.credentials import Credentials
from cc_otel.agent.summary.process import ModelProcess
from cc_otel.agent.summary.questions import Pace
from cc_otel.agent.summary.subject import Subject, subject_of
from cc_otel.agent.summary.summariser import Choose, Parts, Summariser
from tests.agent.summary.endpoints import Endpoint, endpoint_up
from tests.agent.summary.home import Home, bash, event, turn

SESSIONS = Path(__file__).parents[1] / "tests" / "sessions"
MODEL = "openai/gpt-5-nano"
PRICED_AS = "claude-haiku-4-5"
MODEL_S = 0.5
TIMEOUT_S = 3.0
PATIENT = Pace(120.0, gather_s=0.02)
PLENTY = Allowance(usd_per_day=1e9, calls_per_day=1 << 30, calls_per_minute=1 << 30)
SENTENCE = "Ran the tests of the parser: two failed, forty-one passed, nothing skipped."
MB = 1 << 20

Payload = dict[str, Any]
Session = list[Payload]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to summarise: its pace, whether answers are kept, what is asked about, and what is told at once."""

    name: str
    pace: Pace = PATIENT
    kept: bool = True
    choose: Choose = subject_of
    whole_sessions: bool = False
    model_s: float = 0.0


def choose_everything(finding: SpanSource, episodes: Iterable[Episode]) -> Subject | None:
    """Ask about every event, as the prototype did."""
    text = f"{finding.draft.event.name}\n{json.dumps(finding.opener.payload)[:2000]}"
    return subject_of(finding, episodes) or Subject("call", text, text)


SINGLY = Pace(120.0, batch_max=1, gather_s=0.02)
WAYS = [
    Way("a call for every event", SINGLY, kept=False, choose=choose_everything),
    Way("as it is"),
    Way("without batches", SINGLY),
    Way("without cache", kept=False),
    Way("without rules first", choose=choose_everything),
    Way("whole sessions at once", whole_sessions=True),
]
TIMED = Way("timed", Pace(TIMEOUT_S), model_s=MODEL_S)


@dataclass(slots=True)
class Measured:
    """What one way of summarising a workload came to."""

    events: int = 0
    spans: int = 0
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    hits: int = 0
    asked_about: int = 0
    waits_s: list[float] = field(default_factory=list)

    def dollars(self) -> float:
        """Return the price of its tokens."""
        price_in, price_out = prices()
        return self.tokens_in * price_in + self.tokens_out * price_out


class Timed(Summariser):
    """A summariser that knows how long each span waited."""

    def __init__(self, pace: Pace, rooms: Parts, choose: Choose) -> None:
        super().__init__(pace, rooms, choose)
        self.waits_s: list[float] = []
        self._since_s: dict[str, float] = {}

    def offer(self, finding: SpanSource) -> Summary | None:
        """Offer, and note when."""
        began_s = time.perf_counter()
        summary = super().offer(finding)
        if summary is None:
            self._since_s[finding.draft.span_id] = began_s
        else:
            self.waits_s.append(time.perf_counter() - began_s)
        return summary

    def settled(self) -> list[tuple[str, Summary]]:
        """Collect, and note how long it took."""
        settled = super().settled()
        now_s = time.perf_counter()
        self.waits_s += [now_s - self._since_s.pop(span_id) for span_id, _ in settled]
        return settled


def run() -> list[Row]:
    """Measure every way on both workloads."""
    rows = []
    with endpoint_up() as endpoint, tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as folder:
        credentials = Path(folder) / "model.env"
        credentials.touch(mode=0o600)
        credentials.write_text("".join(f"{name}={value}\n" for name, value in endpoint.environment().items()))
        process = Lasting(Credentials(credentials))
        process.warm()
        for workload, sessions in (("recorded twice", recorded_twice()), ("synthetic week", week())):
            measured = {way.name: summarise(sessions, way, endpoint, process) for way in WAYS}
            rows += list(_rows(workload, measured))
            # A part of it is enough to know how long spans wait.
            rows += list(_latency(workload, summarise(sessions[:: len(sessions) // 10], TIMED, endpoint, process)))
        rows += _memory(process)
        process.end()
    return rows


class Lasting(ModelProcess):
    """A model process for one summariser after the other."""

    def stop(self) -> None:
        """Go on: the next one will ask."""

    def end(self) -> None:
        """End it."""
        super().stop()


def summarise(sessions: list[Session], way: Way, endpoint: Endpoint, process: ModelProcess) -> Measured:
    """Feed the sessions to an agent, one after the other, and count."""
    measured = Measured()
    endpoint.renew()
    endpoint.write = _answering(measured, way.model_s)
    with tempfile.TemporaryDirectory(prefix="cc-otel-bench-") as name:
        folder = Path(name)
        cache = SharedCache(
            SqliteCache(folder / "cache.db", age_max_s=1e9 if way.kept else 0.0, bytes_max=1 << 30), None
        )
        budget = Budget(PLENTY, "", lambda _: None)
        rooms = Parts(cache, Activity(folder / "cache.db"), Chain([MODEL], process, budget), process, budget)
        summaries = Timed(way.pace, rooms, way.choose)
        home = Home(folder, summaries)
        for session in sessions:
            for told in [session] if way.whole_sessions else _steps(session):
                home.record(*told)
                measured.events += len(told)
                home.rounds()
                while summaries.state()["waiting"]:
                    time.sleep(0.002)
                    home.rounds()
        sources = summaries.state()["sources"]
        measured.waits_s, measured.spans = summaries.waits_s, len(summaries.waits_s)
        measured.hits, measured.asked_about = sources["cache"], sources["cache"] + sources["model"]
        home.close()
    encoding = _encoding()
    measured.calls = len(endpoint.received)
    for received in endpoint.received:
        messages = json.loads(received.body)["messages"]
        measured.tokens_in += sum(len(encoding.encode(message["content"])) for message in messages)
    return measured


def _answering(measured: Measured, model_s: float) -> Callable[[list[dict[str, str]]], str]:
    encoding = _encoding()

    def write(items: list[dict[str, str]]) -> str:
        time.sleep(model_s)
        answer = json.dumps({"summaries": [{"id": item["id"], "text": SENTENCE} for item in items]})
        measured.tokens_out += len(encoding.encode(answer))
        return answer

    return write


def _rows(workload: str, measured: dict[str, Measured]) -> Iterator[Row]:
    naive = measured[WAYS[0].name]
    yield Row(f"{workload}: hook events", naive.events, "")
    figures: list[tuple[str, str, Callable[[Measured], float]]] = [
        ("calls per event", "", lambda m: m.calls / m.events),
        ("tokens per event", "", lambda m: (m.tokens_in + m.tokens_out) / m.events),
        ("per 1,000 events", "$", lambda m: m.dollars() / m.events * 1000),
    ]
    for what, unit, figure in figures:
        for name, one in measured.items():
            reference = figure(naive) if one is not naive else None
            ratio = figure(one) / reference if reference else None
            yield Row(f"{workload}, {name}: {what}", figure(one), unit, reference, ratio)
    ours = measured["as it is"]
    yield Row(f"{workload}: spans worth a question", 100 * ours.asked_about / ours.spans, "%")
    yield Row(f"{workload}: of those, answered from the cache", 100 * ours.hits / max(ours.asked_about, 1), "%")


def _latency(workload: str, timed: Measured) -> Iterator[Row]:
    waited_s = [wait_s for wait_s in timed.waits_s if wait_s >= MODEL_S]
    yield Row(f"{workload}: spans that waited for a model", 100 * len(waited_s) / len(timed.waits_s), "%")
    for what, waits_s in (("of all spans", timed.waits_s), ("of those that waited", waited_s)):
        p95_s, promise = quantiles(waits_s, n=20)[-1], f"<= {TIMEOUT_S * 1000:.0f} ms"
        yield Row(
            f"{workload}: added latency p95 {what}, the model's {MODEL_S * 1000:.0f} ms included",
            p95_s * 1000,
            "ms",
            budget=promise,
            met=p95_s <= TIMEOUT_S,
        )


def _memory(process: ModelProcess) -> list[Row]:
    own = psutil.Process().memory_info().rss / MB
    return [
        Row("memory: the model process, LiteLLM loaded and in use", process.memory_bytes() / MB, "MB"),
        Row("memory: this process, with agent, endpoint and tokenizer", own, "MB"),
    ]


# Workloads

_CALL_ENDS = ("PostToolUse", "PostToolUseFailure", "PostToolBatch")
_ENDS = (*_CALL_ENDS, "SubagentStop", "Stop", "SessionEnd")


def _steps(session: Session) -> Iterator[Session]:
    """Return the events that come together: up to an end, and calls that end in a row are calls of one message."""
    step: Session = []
    for payload in session:
        if step and step[-1]["hook_event_name"] in _ENDS and payload["hook_event_name"] not in _CALL_ENDS:
            yield step
            step = []
        step.append(payload)
    yield step


def recorded_twice() -> list[Session]:
    """Return the recorded sessions, and then again under other ids."""
    sessions = []
    for copy in ("a", "b"):
        for path in sorted(SESSIONS.glob("*.jsonl")):
            payloads = [json.loads(line)["payload"] for line in path.read_text("utf-8").splitlines()]
            sessions.append([_renamed(payload, f"{copy}-") for payload in payloads])
    return sessions


def _renamed(payload: Payload, prefix: str) -> Payload:
    ids = ("session_id", "prompt_id", "tool_use_id", "agent_id")
    return payload | {key: prefix + payload[key] for key in ids if isinstance(payload.get(key), str)}


COMMANDS = [
    ("pytest -q", ["41 passed in {t}s", "41 passed in {t}s", "1 failed, 40 passed in {t}s"]),
    ("ruff check .", ["All checks passed!", "Found 2 errors."]),
    ("mypy src", ["Success: no issues found in 24 source files"]),
    ("git status --short", ["", " M src/app.py", " M src/{f}.py"]),
    ("git log --oneline -3", ["{h} Fix the parser\n{h} Add a test\n{h} Begin"]),
    ("npm test", ["Tests: 12 passed, 12 total\nTime: {t} s"]),
    ("ls", ["README.md\nsrc\ntests"]),
    ("make build", ["built in {t}s"]),
]
PROMPTS = ["run the tests", "fix the failing test", "commit this", "continue", "what changed?", "clean up"]


def week(seed: int = 7, sessions: int = 15) -> list[Session]:
    """
    Return a made-up week: five days of three sessions of six turns of five calls.

    Two calls of five are one of eight commands with an output from a short list, one is a command nobody ran before,
    one reads a file, one edits it; a third of the prompts are among six that come again and again.
    """
    rng = random.Random(seed)
    return [_session(rng, f"w{number}") for number in range(sessions)]


def _session(rng: random.Random, name: str) -> Session:
    cwd = f"/home/dev/{rng.choice(['app', 'api', 'site'])}"
    payloads = [event("SessionStart", name, source="startup", prompt_id="", cwd=cwd)]
    for number in range(6):
        prompt = rng.choice(PROMPTS) if rng.random() < 1 / 3 else f"please change the {_word(rng)} of {_word(rng)}"
        calls = [_call(rng, name, f"{name}-{number}-{position}", position, cwd) for position in range(5)]
        told = turn(prompt, *calls, last=f"Done: {_word(rng)}.", session=name)
        payloads += [payload | {"prompt_id": f"{name}-{number}", "cwd": cwd} for payload in told]
    return [*payloads, event("SessionEnd", name, reason="other", prompt_id="", cwd=cwd)]


def _call(rng: random.Random, session: str, call: str, position: int, cwd: str) -> list[Payload]:
    if position < 2:
        command, outputs = rng.choice(COMMANDS)
        output = rng.choice(outputs).format(
            t=f"{rng.uniform(0.2, 20):.2f}", f=_word(rng), h=f"{rng.getrandbits(28):07x}a1"
        )
        return bash(command, output, session=session, call=call)
    if position == 2:
        return bash(
            f"grep -rn {_word(rng)} src | head", "\n".join(_word(rng) for _ in range(20)), session=session, call=call
        )
    path = f"{cwd}/src/{_word(rng)}.py"
    tool, more, response = _file_call(rng, position, path)
    about: Payload = {"tool_name": tool, "tool_use_id": call, "tool_input": {"file_path": path, **more}}
    return [event("PreToolUse", session, **about), event("PostToolUse", session, **about, tool_response=response)]


def _file_call(rng: random.Random, position: int, path: str) -> tuple[str, Payload, Payload]:
    if position == 3:
        return "Read", {}, {"type": "text", "file": {"filePath": path, "content": _word(rng) * 50, "numLines": 40}}
    return "Edit", {"old_string": _word(rng), "new_string": _word(rng)}, {"filePath": path, "structuredPatch": []}


def _word(rng: random.Random) -> str:
    return "".join(rng.choice("bcdfghklmnprstvz") + rng.choice("aeiou") for _ in range(4))


# Tokens and prices


def _litellm_folder() -> Path:
    found = find_spec("litellm")
    assert found
    assert found.origin
    return Path(found.origin).parent


def _encoding() -> tiktoken.Encoding:
    # The copy that LiteLLM brings: nothing is fetched.
    os.environ["TIKTOKEN_CACHE_DIR"] = str(_litellm_folder() / "litellm_core_utils" / "tokenizers")
    return tiktoken.get_encoding("cl100k_base")


def prices() -> tuple[float, float]:
    """Return the price of a token in and of one out, dollars, from LiteLLM's table."""
    table = json.loads((_litellm_folder() / "model_prices_and_context_window_backup.json").read_text("utf-8"))
    return float(table[PRICED_AS]["input_cost_per_token"]), float(table[PRICED_AS]["output_cost_per_token"])


if __name__ == "__main__":
    show(run(), f"Summaries, at {PRICED_AS}'s price")
