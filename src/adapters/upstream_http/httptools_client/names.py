"""Names of hosts as addresses: kept for a while, looked up once however many wait, and old ones before none."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

from domain.model.errors import UpstreamTimeout, UpstreamUnreachable

_KEPT_S = 30.0
_PATIENCE_S = 2.0  # for one look-up, and never more than half of the time to connect
_MOMENT_S = 1.0  # in which a look-up that failed is not repeated

LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host for a port, the best first. Raises OSError where there are none."""


async def system_look_up(host: str, port: int) -> Sequence[str]:
    """What the machine's resolver says, asked in one of the loop's few threads."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))


class _Name:
    """What is known of one name. `settled_until` is the loop's time until which nobody asks again."""

    def __init__(self) -> None:
        self.good: Sequence[str] = ()
        self.settled_until = 0.0
        self.look_up: asyncio.Task[None] | None = None
        self.asked_at = 0.0

    def answer(self) -> Sequence[str]:
        """The last good addresses, however old. Raises UpstreamTimeout during a look-up, UpstreamUnreachable else."""
        if self.good:
            return self.good
        if self.look_up is not None:
            raise UpstreamTimeout("The provider took too long to answer.")
        raise UpstreamUnreachable("The provider cannot be reached.")


class Names:
    """Stands before the machine's resolver. Remembers every name for good: they come from the configuration.

    A look-up that hangs is left behind: where an old address is known it is used, elsewhere everybody waits for their
    own time, and nobody starts another one beside it. Its answer counts when it comes after all.
    """

    def __init__(self, look_up: LookUp = system_look_up) -> None:
        self._look_up = look_up
        self._names: dict[tuple[str, int], _Name] = {}

    async def addresses(self, host: str, port: int, within: float) -> Sequence[str]:
        """Where to connect to in order, at least one. `within` is the time in seconds to connect in all.

        Raises UpstreamUnreachable where the name has no address, UpstreamTimeout where nobody says so in time.
        """
        if _is_address(host):
            return (host,)
        loop = asyncio.get_running_loop()
        name = self._names.setdefault((host, port), _Name())
        now = loop.time()
        if now < name.settled_until:
            return name.answer()
        if name.look_up is None:
            name.asked_at = now
            name.look_up = loop.create_task(self._ask(host, port, name))
        patience = min(_PATIENCE_S, within / 2)
        if name.good:  # those who come later do not wait again for what is late already
            patience -= now - name.asked_at
        if patience > 0:
            await asyncio.wait({name.look_up}, timeout=patience)  # who leaves does not cancel it
        return name.answer()

    def close(self) -> None:
        """Look up nothing any more."""
        for name in self._names.values():
            if name.look_up is not None:
                name.look_up.cancel()

    async def _ask(self, host: str, port: int, name: _Name) -> None:
        kept = _MOMENT_S
        try:
            found = await self._look_up(host, port)
        except (OSError, UnicodeError):  # a name that cannot be one is a UnicodeError
            found = ()
        finally:
            name.look_up = None
        if found:
            name.good, kept = found, _KEPT_S
        name.settled_until = asyncio.get_running_loop().time() + kept


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
