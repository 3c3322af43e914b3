"""One profile for every property test: the same examples each time, and no deadline, since compiling takes a while."""

from hypothesis import settings

settings.register_profile("minent", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("minent")
