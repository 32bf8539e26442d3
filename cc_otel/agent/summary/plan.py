"""Assembles the summariser from plain settings, and checks its models for `doctor`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cc_otel.agent.summary.activity import Activity
from cc_otel.agent.summary.budget import Allowance, Budget
from cc_otel.agent.summary.cache import Cache, CacheUnavailable, SharedCache, SqliteCache
from cc_otel.agent.summary.chain import Chain
from cc_otel.agent.summary.credentials import Credentials
from cc_otel.agent.summary.process import ModelProcess
from cc_otel.agent.summary.prompt import SCHEMA, Prompt
from cc_otel.agent.summary.questions import Pace
from cc_otel.agent.summary.subject import Subject
from cc_otel.agent.summary.summariser import Parts, Summariser

SHARED_SENTENCES_MAX: Final = 500_000
PROBE_TOKENS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class CachePlan:
    """Where and how much is cached: ``url`` may name a Redis server too, ``path`` is the local file."""

    url: str
    path: Path
    age_max_s: float
    bytes_max: int


@dataclass(frozen=True, slots=True)
class SummaryPlan:
    """The models, their credentials, how long a span waits (s), the budget and the cache."""

    models: tuple[str, ...]
    credentials: Path
    timeout_s: float
    allowance: Allowance
    cache: CachePlan


def open_cache(plan: CachePlan) -> SharedCache:
    """
    Open the cache.

    Raises:
        CacheUnavailable: the local file cannot be opened, or the URL's scheme is unknown.

    """
    scheme, _, rest = plan.url.partition("://")
    path, remote = plan.path, None
    match scheme:
        case "":
            pass
        case "sqlite":
            path = Path(rest)
        case "redis" | "rediss":
            remote = _redis(plan)
        case _:
            raise CacheUnavailable(f"no cache is called {scheme!r}: write sqlite:///PATH, redis:// or rediss://HOST/0")
    return SharedCache(SqliteCache(path, age_max_s=plan.age_max_s, bytes_max=plan.bytes_max), remote)


def _redis(plan: CachePlan) -> Cache:
    try:
        from cc_otel.agent.summary.cache_redis import RedisCache  # noqa: PLC0415 - an extra that most do not have
    except ImportError:
        raise CacheUnavailable("the Redis client is not installed: pip install 'cc-otel[redis]'") from None
    return RedisCache(plan.url, age_max_s=plan.age_max_s, sentences_max=SHARED_SENTENCES_MAX)


def open_summaries(plan: SummaryPlan, saved_budget: str, save_budget: Callable[[str], None]) -> Summariser:
    """
    Assemble a summariser. It asks no model before `Summariser.run`.

    Raises:
        CacheUnavailable: the cache cannot be opened.

    """
    cache = open_cache(plan.cache)
    process = ModelProcess(Credentials(plan.credentials))
    budget = Budget(plan.allowance, saved_budget, save_budget)
    chain = Chain(plan.models, process, budget)
    return Summariser(Pace(plan.timeout_s), Parts(cache, Activity(plan.cache.path), chain, process, budget))


def check(models: Sequence[str], credentials: Path) -> dict[str, str]:
    """
    Ask each model for one sentence. Return its error by model, empty if it answered. Used by `doctor`.

    It is a real call, the smallest there is, and takes seconds: nothing less tells whether a key is good.
    """
    process = ModelProcess(Credentials(credentials))
    subject = Subject("call", "tool: Bash\ninput: command: true\nended: succeeded", "")
    messages = Prompt({"1": subject}).messages()
    try:
        answers = {model: process.ask(model, messages, SCHEMA, PROBE_TOKENS_MAX) for model in models}
    finally:
        process.stop()
    return {model: f"{answer.failure}: {answer.detail}" if answer.failure else "" for model, answer in answers.items()}
