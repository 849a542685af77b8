"""Hypothesis profiles: `default`, and `long` for a hunt of an hour (HYPOTHESIS_PROFILE=long)."""

import os

from hypothesis import HealthCheck, settings

# On a build server the same examples every time: a hunt belongs where somebody follows it up.
settings.register_profile("default", deadline=None, derandomize="CI" in os.environ)
# Three of the properties of random programs take 35,000 each, so that they try more than 100,000 together.
settings.register_profile(
    "long",
    deadline=None,
    max_examples=35_000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
