"""What is logged of what goes wrong again and again."""

from cc_otel.complaints import Complaints


def test_each_cause_is_due_once() -> None:
    """The same cause is not due again at once; another is."""
    complaints = Complaints()

    assert [complaints.due(cause) for cause in ("disk", "disk", "network", "disk")] == [True, False, True, False]
