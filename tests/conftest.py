"""What holds in every lane."""

from hypothesis import settings

settings.register_profile("doorward", deadline=None)  # a slow machine is not a failure: no test asserts a time
settings.load_profile("doorward")
