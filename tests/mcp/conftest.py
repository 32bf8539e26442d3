"""The user whose agent asks."""

from tests.cli.conftest import person

__all__ = ["person"]
