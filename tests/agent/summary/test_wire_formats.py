"""The real LiteLLM against every vendor's wire format: only the model setting differs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cc_otel.agent.summary.budget import Budget
from cc_otel.agent.summary.chain import Chain, NotWritten, Written
from cc_otel.agent.summary.credentials import Credentials
from cc_otel.agent.summary.process import ModelProcess
from cc_otel.agent.summary.prompt import SCHEMA, Prompt
from cc_otel.agent.summary.subject import Subject
from cc_otel.agent.summary.wire import Answer
from tests.agent.summary.conftest import write_credentials
from tests.agent.summary.endpoints import Endpoint
from tests.agent.summary.google import write_service_account
from tests.agent.summary.home import PLENTY, wait_for

SUBJECTS = {
    "a1": Subject("call", "tool: Bash\ninput: command: ls", "f1"),
    "b2": Subject("call", "tool: Grep\ninput: pattern: TODO", "f2"),
}
WRITTEN = {"a1": "Did this: tool: Bash.", "b2": "Did this: tool: Grep."}


def chain_of(process: ModelProcess, *models: str) -> Chain:
    """Return a chain of models that may ask as often as it likes."""
    return Chain(models, process, Budget(PLENTY, "", lambda _: None))


@pytest.mark.parametrize(
    ("model", "path", "header", "value"),
    [
        ("openai/gpt-5-nano", "/openai/v1/chat/completions", "authorization", "Bearer key-of-openai"),
        ("openai/my-own", "/openai/v1/chat/completions", "authorization", "Bearer key-of-openai"),
        ("anthropic/claude-haiku-4-5", "/anthropic/v1/messages", "x-api-key", "key-of-anthropic"),
        ("ollama_chat/llama3.1", "/ollama/api/chat", "host", "127.0.0.1"),
    ],
)
def test_model_setting_alone_chooses_the_vendor(
    model: str, path: str, header: str, value: str, process: ModelProcess, endpoint: Endpoint
) -> None:
    """With only the model's name changed, the right request goes to the right vendor, and its answer is used."""
    written = chain_of(process, model).write(Prompt(SUBJECTS))

    assert Written(model, WRITTEN) == written
    assert [path] == [received.path for received in endpoint.received]
    assert value in endpoint.received[0].headers[header]
    assert list(SUBJECTS) == [item["id"] for item in endpoint.items()]


def test_vertex_ai_with_a_service_account(tmp_path: Path, endpoint: Endpoint) -> None:
    """Vertex AI is asked with a token that was fetched for the service account of the credentials."""
    account = write_service_account(tmp_path / "account.json", f"{endpoint.address}/token")
    path = write_credentials(tmp_path / "model.env", endpoint, GOOGLE_APPLICATION_CREDENTIALS=str(account))
    process = ModelProcess(Credentials(path))

    written = chain_of(process, "vertex_ai/gemini-3.1-flash-lite").write(Prompt(SUBJECTS))
    process.stop()

    assert Written("vertex_ai/gemini-3.1-flash-lite", WRITTEN) == written
    assert [endpoint.received[0].api, endpoint.received[0].headers["authorization"]] == ["vertex", "Bearer a-token"]
    assert list(SUBJECTS) == [item["id"] for item in endpoint.items()]


def test_price_is_of_the_local_table(process: ModelProcess, endpoint: Endpoint) -> None:
    """An answer comes with its tokens and its price, by the table that LiteLLM brings."""
    answer = ask(process, "openai/gpt-5-nano")

    assert (900, 40, round(900 * 5e-08 + 40 * 4e-07, 9)) == (
        answer.tokens_in,
        answer.tokens_out,
        round(answer.cost_usd or 0, 9),
    )


def test_price_of_an_unknown_model_is_unknown(process: ModelProcess, endpoint: Endpoint) -> None:
    """A model without a price costs nothing that we know of."""
    answer = ask(process, "openai/my-own")

    assert (answer.tokens_in, answer.cost_usd) == (900, None)


@pytest.mark.parametrize(
    ("model", "failure", "detail"),
    [
        ("openai/fails", "unreachable", "out of order"),
        ("anthropic/fails", "unreachable", "out of order"),
        ("openai/refuses", "credentials", "Incorrect API key provided: [redacted:openai-key]."),
        ("openai/hangs", "timeout", "Request timed out. Error_str: Request timed out."),
        ("anthropic/hangs", "timeout", "Connection timed out after 2.0 seconds."),
        ("openai/echoes", "unusable", "BadRequestError"),
        ("groq/llama", "credentials", "GROQ_API_KEY not set"),
        ("no-such-model", "unusable", "LLM Provider NOT provided."),
    ],
)
def test_failures_are_told_apart(
    model: str, failure: str, detail: str, process: ModelProcess, endpoint: Endpoint
) -> None:
    """What went wrong is told in a word for us and a sentence for a person, with no key and no content in it."""
    answer = ask(process, model)

    assert (answer.failure, answer.text) == (failure, "")
    assert detail in answer.detail


def test_retry_after_is_obeyed(process: ModelProcess, endpoint: Endpoint) -> None:
    """A model that asks for a pause rests for it, and is asked again afterwards."""
    chain = chain_of(process, "openai/busy")

    first = chain.write(Prompt(SUBJECTS))
    at_once = chain.write(Prompt(SUBJECTS))
    wait_for(lambda: chain.again_s() == 0)
    later = chain.write(Prompt(SUBJECTS))

    assert isinstance(first, NotWritten)
    assert 0 < first.again_s <= 1
    assert isinstance(at_once, NotWritten)
    assert later == Written("openai/busy", WRITTEN)
    assert len(endpoint.received) == 2


def test_answers_of_another_form_are_a_failure(process: ModelProcess, endpoint: Endpoint) -> None:
    """A model that talks instead of answering is not asked for a while, and the next one is."""
    chain = chain_of(process, "openai/talks", "openai/gpt-5-nano")

    written = chain.write(Prompt(SUBJECTS))

    assert written == Written("openai/gpt-5-nano", WRITTEN)
    assert chain.errors() == {"openai/talks": "the model cannot be used: its answers are not of the form asked for"}


def test_import_is_quiet(tmp_path: Path) -> None:
    """Importing LiteLLM as the model process does makes no connection, prints nothing, and reads nobody's .env."""
    (tmp_path / ".env").write_text("OPENAI_BASE_URL=http://a-cloned-repository.example\n")
    script = """
import sys, os
connections = []
network = {"socket.connect", "socket.getaddrinfo"}
sys.addaudithook(lambda name, _: connections.append(name) if name in network else None)
from cc_otel.agent.summary import worker
answers = worker._private_output()
worker._quiet_environment()
litellm = worker._litellm()
litellm.supports_response_schema("gpt-5-nano"), litellm.completion_cost
answers.write(repr((connections, litellm.telemetry, os.environ.get("OPENAI_BASE_URL"))).encode())
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, env={}, cwd=tmp_path, check=True)

    assert (run.stdout, run.stderr) == (b"([], False, None)", b"")


def ask(process: ModelProcess, model: str) -> Answer:
    """Ask one model about all subjects."""
    return process.ask(model, Prompt(SUBJECTS).messages(), SCHEMA, 500)


def test_structured_output_is_asked_for_where_it_is_known(process: ModelProcess, endpoint: Endpoint) -> None:
    """A model that LiteLLM knows to take a schema gets it, another one is told in words alone."""
    ask(process, "openai/gpt-5-nano")
    ask(process, "openai/my-own")

    schemas = [json.loads(received.body).get("response_format") for received in endpoint.received]
    told = {"type": "json_schema", "json_schema": {"name": "summaries", "schema": dict(SCHEMA), "strict": True}}
    assert [told, None] == schemas
