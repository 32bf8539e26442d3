"""What every test shares."""

import signal

from hypothesis import settings

# How long an example takes says how busy the machine is; time is measured in benchmarks/.
settings.register_profile("cc_otel", deadline=None)
settings.load_profile("cc_otel")

# A shell has what it starts in the background ignore Ctrl-C, and so would every command that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
