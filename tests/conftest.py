"""Hypothesis profiles, chosen by HYPOTHESIS_PROFILE: `default`; `fresh`, with which a build server tries new examples;
and `long`, for a search of hours."""

import os

from hypothesis import HealthCheck, settings

# A build server tries the same examples every time, so that a failure is due to the change.
settings.register_profile("default", deadline=None, derandomize="CI" in os.environ)
# Other examples with every seed; the seed and the blob of a failure give them again anywhere.
settings.register_profile("fresh", deadline=None, derandomize=False, database=None, print_blob=True)
settings.register_profile(
    "long",
    deadline=None,
    max_examples=100_000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
