"""The agent, put together from settings."""

from collections.abc import Iterator
from contextlib import contextmanager

from cc_otel.agent.daemon import AgentDaemon, Plan
from cc_otel.agent.evidence import GONE_GRACE_S, UNSEEN_GRACE_S
from cc_otel.agent.pipeline import Limits
from cc_otel.cli.compose.sending import destination, projects, resource, with_content
from cc_otel.cli.compose.summaries import summary_plan
from cc_otel.config import Home, Settings


def plan(home: Home, settings: Settings, *, at_hand: bool = False) -> Plan:
    """
    Return the agent's plan.

    ``at_hand`` says that clients run where the agent does, so that it can see which of them have ended.
    """
    target = destination(home, settings)
    return Plan(
        home=home.path,
        spool=home.spool,
        journal=home.journal,
        dead=home.dead,
        projects=projects(home, settings),
        destination=target,
        resource=resource(settings),
        limits=Limits(
            journal_bytes_max=settings.spool_max_mb << 20,
            keep_s=settings.keep_h * 3600,
            # A client that names no pid cannot be seen at all.
            idle_s=GONE_GRACE_S if at_hand else settings.idle_s,
            unseen_s=GONE_GRACE_S if at_hand else UNSEEN_GRACE_S,
        ),
        spool_bytes_max=settings.spool_max_mb << 20,
        value_bytes_max=settings.value_max_bytes,
        with_content=with_content(settings, target),
        summaries=summary_plan(home, settings),
    )


@contextmanager
def agent_at_work(home: Home, settings: Settings, *, at_hand: bool = False) -> Iterator[AgentDaemon]:
    """Run an agent until the block ends; ``at_hand`` is `plan`'s. The caller holds the home's lock."""
    daemon = AgentDaemon(plan(home, settings, at_hand=at_hand))
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()
