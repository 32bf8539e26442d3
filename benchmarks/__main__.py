"""All benchmarks, one table each: ``python -m benchmarks [NAME ...]``."""

import importlib
import sys
from pathlib import Path

from benchmarks.table import show


def main() -> None:
    """Run the named benchmarks, or all."""
    here = Path(__file__).parent
    known = sorted(path.stem for path in here.glob("*.py") if path.stem not in {"__main__", "table"})
    for name in sys.argv[1:] or known:
        if name not in known:
            sys.exit(f"no benchmark is called {name!r}; there are {', '.join(known)}")
        show(importlib.import_module(f"benchmarks.{name}").run(), name)


main()
