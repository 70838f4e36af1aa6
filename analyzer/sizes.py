"""Numbers of bytes as people read them, in one notation everywhere."""

_UNITS = ("kB", "MB", "GB", "TB")


def shown(count: int) -> str:
    """A number of bytes in decimal units, as `docker images` shows them.

    >>> shown(41_100_000), shown(999), shown(-2000)
    ('41.1 MB', '999 B', '-2.0 kB')
    """
    if abs(count) < 1000:
        return f"{count} B"
    value = float(count)
    for unit in _UNITS:
        value /= 1000
        # What would be rounded to 1000.0 is 1.0 of the next unit.
        if abs(value) < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value:.1f} {_UNITS[-1]}"
