"""Two replicas replaced in turn, again and again, under load: does any request fail, is any stream cut?"""

from campaigns.figures import Figure, zero
from support.faults.provider import fault_provider
from support.faults.replicas import SCRIPTS, rolling


async def run(n: int, _seed: int) -> list[Figure]:
    """Replace so often."""
    async with fault_provider(SCRIPTS) as provider:
        answers = await rolling(provider.url, n)
    streams = [answer for answer in answers if answer.ending in ("done", "error", "broken")]
    failed = [answer for answer in answers if answer.status != 200]
    cut = [answer for answer in streams if answer.ending != "done"]
    return [
        zero("failed requests", len(failed), len(answers)),
        zero("cut streams", len(cut), len(streams)),
        Figure("restarts", str(n), n, "-", good=True),
    ]
