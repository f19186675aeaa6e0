"""How hard a property is tried."""

from hypothesis import settings

REPEATABLE = 25


def examples(count: int) -> int:
    """As many examples as are said where tests repeat, and more in proportion where they explore."""
    return count * settings.default.max_examples // REPEATABLE
