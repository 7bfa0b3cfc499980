"""How many files this process may have open, and how many callers that leaves room for."""

import resource

_OWN = 64  # the log, the listener, the event loop's own, and what libraries open for a moment


def room_for_callers(wanted: int) -> int:
    """How many of the wanted connections there is room for, with a provider's connection beside each.

    Raises the soft limit on open files (RLIMIT_NOFILE) as far as this process may. A caller too many is then told so
    (503); without it the calls of those inside would fail for want of a descriptor, as if a provider were at fault.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * wanted + _OWN
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(wanted, (soft - _OWN) // 2))
