"""The Collector's second line of redaction: for what other producers send past our agent."""

from dataclasses import replace

import pytest

from cc_otel import conventions as c
from cc_otel.span import Span, SpanEvent
from tests.stack.process import wait_for
from tests.stack.programs import Collector, MakeCollector, Send
from tests.stack.receiver import Receiver
from tests.stack.trees import RESOURCE, plain, session

pytestmark = pytest.mark.stack

# Put together here, so that no scanner takes this file for a leak.
_LETTERS = "Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4fGh7j"
SECRETS = {
    "anthropic": f"sk-ant-api03-{_LETTERS}",
    "openai": f"sk-proj-{_LETTERS}",
    "google": f"AIza{_LETTERS[:35]}",
    "huggingface": f"hf_{_LETTERS}",
    "github": f"ghp_{_LETTERS}",
    "github fine-grained": f"github_pat_{_LETTERS}",
    "gitlab": f"glpat-{_LETTERS[:20]}",
    "aws": "AKIA" + "ABCDEFGHIJKLMNOP",
    "slack": f"xoxb-1234567890-{_LETTERS}",
    "jwt": f"eyJ{_LETTERS}.eyJ{_LETTERS}.{_LETTERS}",
    "bearer": f"Bearer {_LETTERS}",
}


@pytest.fixture
def through(collector: MakeCollector, graph: Receiver, sink: Receiver, send: Send) -> "Through":
    """Send spans through the Collector and see what comes out."""
    return Through(collector(graph.endpoint, sink.endpoint), graph, send)


class Through:
    """Answers spans as they leave the Collector."""

    def __init__(self, collector: Collector, graph: Receiver, send: Send) -> None:
        self._collector, self._graph, self._send = collector, graph, send

    def __call__(self, *spans: Span) -> list[Span]:
        self._send(self._collector.destination(), list(spans))
        ids = [span.span_id for span in spans]
        arrived = wait_for("the spans", lambda: found if set(ids) <= (found := self._graph.spans()).keys() else None)
        return [arrived[span_id] for span_id in ids]


def test_secrets_in_values_are_masked_wherever_attributes_stand(through: Through) -> None:
    """A secret in a text of a resource, a span or a span event is masked, and its surroundings stay."""
    texts = {name: f"before {secret} after" for name, secret in SECRETS.items()}
    masked = dict.fromkeys(SECRETS, "before **** after")
    span = replace(
        plain("values", 1),
        attributes=texts,
        resource={**RESOURCE, "process.command_line": texts["anthropic"]},
        events=(SpanEvent("output", 1, {"line": texts["github"]}),),
    )

    [arrived] = through(span)

    count = {"redaction.masked.count": len(SECRETS)}
    assert {**masked, **count} == arrived.attributes
    assert {**RESOURCE, "process.command_line": masked["anthropic"], "redaction.masked.count": 1} == arrived.resource
    assert arrived.events == (SpanEvent("output", 1, {"line": masked["github"], "redaction.masked.count": 1}),)


def test_secrets_in_commands_and_results_are_masked(through: Through) -> None:
    """Passwords in addresses, assignments to a shell's secret variables, and private keys are masked."""
    key = "-----BEGIN RSA PRIVATE KEY-----\\nMIIE" + _LETTERS + "\\n-----END RSA PRIVATE KEY-----"
    span = replace(
        plain("commands", 1),
        attributes={
            "url": "postgres://dev:hunter2hunter2@db.example/app",
            "shell": '{"command": "export DB_PASSWORD=hunter2hunter2 && ./run --fast"}',
            "key": f'{{"stdout": "{key}"}}',
            "cut off": key.partition("-----END")[0],
        },
    )

    [arrived] = through(span)

    expected = {
        "url": "postgres****db.example/app",
        "shell": '{"command": "export **** && ./run --fast"}',
        "key": '{"stdout": "****"}',
        "cut off": "****",
        "redaction.masked.count": 4,
    }
    assert arrived.attributes == expected


def test_names_that_hold_secrets_are_masked_whatever_the_value(through: Through) -> None:
    """A value under a name such as db.password or X-Api-Key is masked as a whole."""
    names = [
        "db.password",
        "passwd",
        "user_passphrase",
        "client.secret",
        "aws.credentials",
        "http.request.header.authorization",
        "http.request.header.set-cookie",
        "X-Api-Key",
        "openai.api_key",
        "access_token",
        "github.token",
        "session-token",
    ]
    span = replace(plain("names", 1), attributes=dict.fromkeys(names, "short"))

    [arrived] = through(span)

    assert {**dict.fromkeys(names, "****"), "redaction.masked.count": len(names)} == arrived.attributes


def test_what_our_agent_sends_passes_untouched(through: Through) -> None:
    """Spans without secrets leave the Collector as they came: counts of tokens are numbers still."""
    spans = session("untouched")

    arrived = through(*spans)

    assert [dict(span.attributes) for span in spans] == [dict(span.attributes) for span in arrived]
    assert any(c.USAGE_INPUT_TOKENS in span.attributes for span in arrived)


def test_it_does_not_see_inside_maps(through: Through) -> None:
    """A secret in a map or a list passes, which is why our agent sends arguments and results as JSON texts."""
    secret = SECRETS["anthropic"]
    span = replace(plain("maps", 1), attributes={"map": {"key": secret}, "list": [secret], "text": secret})

    [arrived] = through(span)

    expected = {"map": {"key": secret}, "list": [secret], "text": "****", "redaction.masked.count": 1}
    assert arrived.attributes == expected
