"""
How often the rule of `resolved_by` says what a person said, on the recorded sessions of tests/graph/derived/labels.txt.

The labels were written before the rule. Precision is how many of the fixes that it names are right, recall how many of
the labelled fixes it finds; failures that nothing mended count where it names one all the same.
"""

from benchmarks.table import Row
from tests.graph.derived.judged import NOTHING, judged


def run() -> list[Row]:
    """Judge every label, and print the misses."""
    found = judged()
    for it in found:
        if not it.is_right:
            print(f"missed: {it.session}, {it.failure}: {it.label}, not {it.said}")
    named = [it for it in found if it.said != NOTHING]
    mended = [it for it in found if it.label != NOTHING]
    right = sum(it.is_right for it in named)
    return [
        Row(f"precision of resolved_by, of {len(named)} that it names", right / max(len(named), 1), ""),
        Row(f"recall of resolved_by, of {len(mended)} that were mended", right / max(len(mended), 1), ""),
        Row("labelled failures that nothing mended", float(len(found) - len(mended)), ""),
    ]
