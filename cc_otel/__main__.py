"""Run the command line: ``python -m cc_otel``."""

from cc_otel.cli import main

main()
