"""
The model process: the only module that imports LiteLLM.

It reads questions from standard input and writes answers to standard output until its input ends, which is also what
happens when the agent dies. It is a process of its own because LiteLLM takes seconds and 160 MB to import, reads its
credentials from the environment and prints what it likes: here it may (docs/decisions/0009-summaries.md).
"""

import logging
import os
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, BinaryIO, Final

from cc_otel.agent.summary.wire import CALLS_MAX, Answer, Failure, Question
from cc_otel.otlp.destination import retry_after_s

RETRY_AFTER_S_MAX: Final = 3600.0
DETAIL_LENGTH_MAX: Final = 200
ECHO_LENGTH: Final = 24
"""A run of this many characters of the question in an error message is an echo of it."""

_NAMES: Final = re.compile(r"\A(?:litellm\.|\w+(?:Error|Exception|Timeout)\b[: -]*)+")
"""The names of exceptions that LiteLLM puts before what the service said."""

_FAILURES: Final = {
    400: Failure.UNUSABLE,
    401: Failure.CREDENTIALS,
    402: Failure.CREDENTIALS,
    403: Failure.CREDENTIALS,
    404: Failure.UNUSABLE,
    408: Failure.TIMEOUT,
    413: Failure.UNUSABLE,
    422: Failure.UNUSABLE,
    429: Failure.BUSY,
    503: Failure.BUSY,
    529: Failure.BUSY,
}


def main() -> None:
    """Answer questions until there are no more."""
    answers = _private_output()
    _quiet_environment()
    lock = threading.Lock()

    def answer(line: bytes) -> None:
        reply = ask(Question.from_line(line)).to_line()
        with lock:
            answers.write(reply)

    pool = ThreadPoolExecutor(CALLS_MAX)
    # Before the first question: the import is what takes longest.
    pool.submit(_litellm)
    for line in sys.stdin.buffer:
        pool.submit(answer, line)
    # The agent is gone: end at once, without waiting for calls under way.
    os._exit(0)


def _private_output() -> BinaryIO:
    """Take standard output for answers alone; whatever anybody prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return answers


def _quiet_environment() -> None:
    """Keep LiteLLM to what it brings and what it was given."""
    # Otherwise it reads the ``.env`` of the folder it is installed or started in, which may be a cloned repository.
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    # Otherwise it fetches tables when it is imported or first used.
    for what in ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "BLOG_POSTS", "POLICY_TEMPLATES", "AUTOROUTER_PRESETS"):
        os.environ[f"LITELLM_LOCAL_{what}"] = "True"
    logging.disable(logging.CRITICAL)


@cache
def _litellm() -> Any:
    import litellm  # noqa: PLC0415 - it takes seconds, and one question may need it

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    # What a model does not take is left out rather than refused.
    litellm.drop_params = True
    return litellm


def ask(question: Question) -> Answer:
    """Call the model, once; whatever happens becomes an answer."""
    try:
        litellm = _litellm()
    except Exception as error:  # noqa: BLE001 - it runs the code of a hundred packages
        why = "is not installed" if isinstance(error, ImportError) else f"cannot be loaded ({type(error).__name__})"
        detail = f"LiteLLM {why}: pip install 'cc-otel[summaries]'"
        return Answer(question.number, failure=Failure.UNUSABLE, detail=detail)
    try:
        response = litellm.completion(
            model=question.model,
            messages=list(question.messages),
            response_format=_response_format(question),
            timeout=question.timeout_s,
            max_tokens=question.tokens_max,
            # Who retries, when, and against which budget is decided in the agent.
            num_retries=0,
            max_retries=0,
        )
        text = response.choices[0].message.content
    except Exception as error:  # noqa: BLE001 - LiteLLM raises whatever its vendors do
        return _failed(question, error)
    usage = getattr(response, "usage", None)
    return Answer(
        question.number,
        text=text if isinstance(text, str) else "",
        tokens_in=int(getattr(usage, "prompt_tokens", 0) or 0),
        tokens_out=int(getattr(usage, "completion_tokens", 0) or 0),
        cost_usd=_cost(response, question.model),
    )


def _response_format(question: Question) -> dict[str, Any] | None:
    # For a model that LiteLLM does not know (a private server), the prompt alone describes the format.
    if not _takes_schema(question.model):
        return None
    return {"type": "json_schema", "json_schema": {"name": "summaries", "schema": question.schema, "strict": True}}


@cache
def _takes_schema(model: str) -> bool:
    return bool(_litellm().supports_response_schema(model))


def _cost(response: object, model: str) -> float | None:
    try:
        return float(_litellm().completion_cost(response, model=model))
    except Exception:  # noqa: BLE001 - it raises bare exceptions for a model without a price
        return None


def _failed(question: Question, error: Exception) -> Answer:
    status = getattr(error, "status_code", None)
    failure = _FAILURES.get(status if isinstance(status, int) else 0, Failure.UNREACHABLE)
    missing = _missing(question.model)
    if isinstance(error, ImportError) or "google-cloud-aiplatform" in str(error):
        failure, detail = Failure.UNUSABLE, "Vertex AI needs google-auth: pip install 'cc-otel[summaries]'"
    elif missing and failure is not Failure.BUSY:
        failure, detail = Failure.CREDENTIALS, f"{' and '.join(missing)} not set"
    else:
        detail = _detail(question, error)
    return Answer(question.number, failure=failure, detail=detail, retry_after_s=_retry_after_s(error))


def _missing(model: str) -> list[str]:
    """Return the variables that LiteLLM reports missing, except those that have a default or a file."""
    try:
        missing = _litellm().validate_environment(model)["missing_keys"]
    except Exception:  # noqa: BLE001 - an explanation is looked for, no second error
        return []
    return [name for name in missing if not name.startswith(("OLLAMA_", "VERTEXAI_", "AWS_"))]


def _detail(question: Question, error: Exception) -> str:
    """Return the service's error message, unless it repeats what it was sent."""
    said = _NAMES.sub("", " ".join(str(getattr(error, "message", error)).split()))[:DETAIL_LENGTH_MAX]
    sent = "\n".join(message["content"] for message in question.messages)
    if any(said[start : start + ECHO_LENGTH] in sent for start in range(len(said) - ECHO_LENGTH + 1)):
        return type(error).__name__
    return said


def _retry_after_s(error: Exception) -> float:
    headers = getattr(error, "litellm_response_headers", None) or getattr(
        getattr(error, "response", None), "headers", None
    )
    value = headers.get("retry-after") if headers else None
    return min((value and retry_after_s(str(value))) or 0.0, RETRY_AFTER_S_MAX)


if __name__ == "__main__":
    main()
