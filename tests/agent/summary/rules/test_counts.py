"""What test runners count, in the outputs they really write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.agent.summary.rules.counts import counts_of

OUTPUTS = {
    "pytest": ("..F\n=== 3 failed, 10 passed, 1 warning in 0.12s ===\n", "3 failed, 10 passed"),
    "pytest -q": ("F                 [100%]\n1 failed in 0.10s", "1 failed"),
    "pytest, errors": ("== 1 passed, 2 errors in 1.00s ==", "2 errors, 1 passed"),
    "pytest, in colour": (
        "\x1b[31m\x1b[1m1 failed\x1b[0m, \x1b[32m2 passed\x1b[0m in 0.10s\x1b[0m",
        "1 failed, 2 passed",
    ),
    "unittest": ("Ran 5 tests in 0.1s\n\nFAILED (failures=1, errors=1)\n", "1 failed, 1 error, 3 passed"),
    "unittest, good": ("Ran 5 tests in 0.001s\n\nOK\n", "5 passed"),
    "jest": ("Test Suites: 1 failed, 1 total\nTests:       1 failed, 5 passed, 6 total\n", "1 failed, 5 passed"),
    "vitest": (" Test Files  1 failed (1)\n      Tests  2 failed | 8 passed (10)\n", "2 failed, 8 passed"),
    "mocha": ("  5 passing (20ms)\n  1 failing\n", "1 failed, 5 passed"),
    "node": ("# tests 3\n# pass 2\n# fail 1\n", "1 failed, 2 passed"),
    "go": ("--- FAIL: TestA (0.00s)\n--- FAIL: TestB (0.00s)\nFAIL\nFAIL\tx/y\t0.2s\nok  \tx/z\t0.1s\n", "2 failed"),
    "go, not built": ("FAIL\tx/y\t0.2s\nok  \tx/z\t(cached)\n", "1 of 2 packages failed"),
    "go, good": ("ok  \tx/y\t0.2s\nok  \tx/z\t(cached)\n", "2 packages ok"),
    "cargo": (
        "test result: ok. 2 passed; 0 failed; 0 ignored\ntest result: FAILED. 3 passed; 1 failed; 0 ignored\n",
        "1 failed, 5 passed",
    ),
    "rspec": ("5 examples, 1 failure\n", "1 failed, 4 passed"),
    "prose": ("All 3 tests passed, ok.\nNothing failed.", ""),
    "listing": ("errors.py\npass.txt\nok", ""),
}


@pytest.mark.parametrize(("output", "counts"), OUTPUTS.values(), ids=OUTPUTS)
def test_a_runner_is_understood(output: str, counts: str) -> None:
    """Failures come first, what passed last, and what is no runner's line counts nothing."""
    assert counts == counts_of(output)


def test_only_the_end_is_read() -> None:
    """Runners count last, and outputs are long."""
    assert counts_of("1 failed in 0.1s\n" + "." * 5000) == ""


@given(st.text(st.sampled_from("1 afilpsed,.=-\n:()OKFAILTestsRn#\x1b[m"), max_size=400))
def test_any_output_is_read(output: str) -> None:
    """No output makes it fail, and what it gives is short."""
    assert len(counts_of(output)) < 60
