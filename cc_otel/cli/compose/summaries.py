"""The models that write summaries, and the cache that keeps them."""

from cc_otel.agent.summary.budget import Allowance
from cc_otel.agent.summary.plan import CachePlan, SummaryPlan
from cc_otel.config import Home, Settings


def cache_plan(home: Home, settings: Settings) -> CachePlan:
    """Return where summaries are kept, and how much of them."""
    return CachePlan(
        url=settings.cache_url,
        path=home.cache,
        age_max_s=settings.cache_keep_days * 86_400,
        bytes_max=settings.cache_max_mb << 20,
    )


def summary_models(settings: Settings) -> tuple[str, ...]:
    """Return the models that write summaries, in the order they are asked; empty where rules write them."""
    if not settings.summary_model:
        return ()
    fallbacks = (model.strip() for model in settings.summary_fallback_models.split(","))
    return (settings.summary_model, *filter(None, fallbacks))


def summary_plan(home: Home, settings: Settings) -> SummaryPlan | None:
    """Return which models write summaries and what that may cost; None where rules write them."""
    models = summary_models(settings)
    if not models:
        return None
    return SummaryPlan(
        models=models,
        credentials=home.model_credentials,
        timeout_s=settings.summary_timeout_s,
        allowance=Allowance(
            usd_per_day=settings.summary_budget_usd,
            calls_per_minute=settings.summary_calls_per_min,
            calls_per_day=settings.summary_calls_per_day,
        ),
        cache=cache_plan(home, settings),
    )
