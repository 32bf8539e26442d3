"""What every test shares."""

from hypothesis import settings

# How long an example takes says how busy the machine is; time is measured in benchmarks/.
settings.register_profile("cc_otel", deadline=None)
settings.load_profile("cc_otel")
