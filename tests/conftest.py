"""What every test runs under: property tests try the same examples each time, so that a red run is a fact about the code and not about the day.

`HYPOTHESIS_PROFILE=explore` tries new ones.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
