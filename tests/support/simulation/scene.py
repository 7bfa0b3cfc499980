"""What one seed means: who calls, asks what, leaves when, and how the network and the provider behave meanwhile."""

import json
from random import Random
from typing import Any, Literal

from msgspec import Struct

from support.simulation.faults import faults_for
from support.simulation.line import Weather
from support.simulation.loop import chance
from support.simulation.network import Dialling

KEY = "simulated-key"
Kind = Literal["stream", "whole", "embeddings", "refused", "models", "health"]
How = Literal["fin", "rst", "half"]
Order = Literal["one by one", "together", "overlapping"]
_FAULTS = {kind: sorted(faults_for(kind)) for kind in ("stream", "whole", "embeddings")}


class Ask(Struct, kw_only=True):
    """One request. `tag` is its id, its model's name, and a word in its prompt.

    `kind` is "refused" for what must never reach a provider. `unfinished` ones are never sent whole.
    """

    tag: str
    kind: Kind
    raw: bytes
    fault: str = "fine"
    choices: int = 1
    tools: bool = False
    garbage: bool = False


class Leaving(Struct, frozen=True, kw_only=True):
    """When a caller goes: so long after it came, with so many bytes received, or in that turn of the loop."""

    how: How
    after: float | None = None
    at_bytes: int | None = None
    at_turn: int | None = None


class Reading(Struct, frozen=True, kw_only=True):
    """How a caller reads: stops once for good behind so many bytes, or rests after each read."""

    stops_at: int | None = None
    rest: float = 0.0


class CallerPlan(Struct, kw_only=True):
    """One connection and what is asked on it. With `dawdles` the first request comes in two parts: bytes, seconds.

    `lingers` are the seconds it keeps the connection when all is answered; None until the service closes it.
    """

    name: str
    comes_at: float
    asks: list[Ask]
    order: Order = "one by one"
    reading: Reading = Reading()
    leaving: Leaving | None = None
    dawdles: tuple[int, float] | None = None
    lingers: float | None = 0.0


class Scene(Struct, kw_only=True):
    """All of it. `drain_at` is when the service is told to stop."""

    seed: int
    settings: dict[str, Any]
    weather: Weather
    dialling: Dialling
    callers: list[CallerPlan]
    drain_at: float | None = None

    def asks(self) -> list[Ask]:
        """Every request of every caller."""
        return [ask for caller in self.callers for ask in caller.asks]


def scene(seed: int) -> Scene:
    """The scene that a seed means, always the same."""
    dice = chance(seed, "scene")
    return Scene(
        seed=seed,
        settings=_settings(dice),
        weather=_weather(dice),
        dialling=_dialling(dice),
        callers=[_caller(dice, number) for number in range(dice.randint(1, 12))],
        drain_at=dice.uniform(0, 8) if dice.random() < 0.15 else None,
    )


def _settings(dice: Random) -> dict[str, Any]:
    timeouts = {name: dice.choice([1.0, 2.0, round(dice.uniform(0.5, 5), 3)]) for name in ("connect_timeout", "header_timeout", "idle_timeout", "client_header_timeout", "client_body_timeout", "write_stall_timeout", "keepalive_interval")}  # fmt: skip
    return {
        **timeouts,
        "first_token_timeout": dice.choice([2.0, 120.0]),
        "client_idle_timeout": dice.choice([5.0, 75.0]),
        "drain_delay": dice.choice([0.0, 1.0]),
        "drain_timeout": dice.choice([1.0, 5.0]),
        "request_timeout": dice.choice([3.0, 10.0, round(dice.uniform(2, 30), 3)]),
        "max_concurrent_requests": dice.choice([1, 2, 4, 100]),
        "max_connections": dice.choice([3, 6, 100, 100]),
        "max_body_bytes": 100_000,
        "max_event_bytes": dice.choice([16_384, 65_536]),
        "max_upstream_bytes": dice.choice([100_000, 2_000_000]),
    }


def _weather(dice: Random) -> Weather:
    most = dice.choice([0.001, 0.02, 0.1])
    return Weather(
        least=most / 10,
        most=most,
        grid=dice.choice([0.0, 0.0, 0.01, 0.125]),
        window=dice.choice([4_096, 65_536, 300_000]),
        tiny=dice.choice([0, 0, 3, 40]),
        lazy=dice.random() < 0.5,
    )


def _dialling(dice: Random) -> Dialling:
    if dice.random() < 0.7:
        return Dialling()
    return Dialling(
        refused=dice.random() / 3,
        never=dice.random() / 5,
        late=dice.random() / 3,
        late_by=3.0,
        nameless=dice.random() / 2,
    )


def _caller(dice: Random, number: int) -> CallerPlan:
    asks = [_ask(dice, f"r{number}-{index}") for index in range(dice.choice([1, 1, 1, 2, 3, 4]))]
    plan = CallerPlan(
        name=f"caller{number}",
        comes_at=dice.uniform(0, 6),
        asks=asks,
        order=dice.choice(["one by one", "one by one", "one by one", "together", "overlapping"]),
        lingers=dice.choice([0.0, 0.0, dice.uniform(0, 3), None]),
    )
    fate = dice.random()
    if fate < 0.35:
        plan.leaving = _leaving(dice)
    elif fate < 0.45:
        plan.reading = Reading(stops_at=dice.choice([0, 1, dice.randint(0, 5_000), dice.randint(0, 90_000)]))
        _flood(dice, plan)
    elif fate < 0.6:
        plan.reading = Reading(rest=dice.uniform(0, 0.5))
        _flood(dice, plan)
    elif fate < 0.68:
        plan.order = "one by one"
        plan.dawdles = (dice.randint(0, len(asks[0].raw) - 1), dice.choice([dice.uniform(0, 8), 1e6]))
    return plan


def _flood(dice: Random, plan: CallerPlan) -> None:
    """Slow readers matter where there is much to read."""
    if dice.random() < 0.6:
        plan.asks = [good_ask(dice, ask.tag, "stream", "flood") for ask in plan.asks]


def _leaving(dice: Random) -> Leaving:
    how: How = dice.choice(["fin", "fin", "rst", "rst", "half"])
    when = dice.random()
    if when < 0.4:
        return Leaving(how=how, after=dice.choice([dice.uniform(0, 0.2), dice.uniform(0, 4)]))
    if when < 0.6:
        return Leaving(how=how, at_bytes=dice.choice([1, dice.randint(1, 3_000)]))
    return Leaving(how=how, at_turn=dice.choice([dice.randint(1, 40), dice.randint(1, 400)]))


def _ask(dice: Random, tag: str) -> Ask:
    kind: Kind = dice.choices(["stream", "whole", "embeddings", "refused", "models", "health"], [50, 18, 10, 14, 4, 2])[0]  # type: ignore[assignment] # these are kinds  # fmt: skip
    if kind == "refused":
        return refused_ask(dice, tag)
    if kind in ("models", "health"):
        return Ask(tag=tag, kind=kind, raw=_request("GET", f"/v1/{kind}" if kind == "models" else "/health", tag))
    fault = "fine" if dice.random() < 0.35 else dice.choice(_FAULTS[kind])
    return good_ask(dice, tag, kind, fault)


def good_ask(dice: Random, tag: str, kind: Kind, fault: str) -> Ask:
    """A request that reaches the provider, if it can be reached."""
    choices, tools = (1, False) if kind == "embeddings" else (dice.choice([1, 1, 2]), dice.random() < 0.2)
    body: dict[str, Any] = {"model": tag}
    if kind == "embeddings":
        body["input"] = f"say {tag}"
    else:
        body["messages"] = [{"role": "user", "content": f"say {tag}" + "!" * dice.choice([0, 0, 70_000])}]
        body.update({"n": choices} if choices > 1 else {})
    if kind == "stream":
        body["stream"] = True
        body.update({"stream_options": {"include_usage": True}} if dice.random() < 0.5 else {})
    path = "/v1/embeddings" if kind == "embeddings" else "/v1/chat/completions"
    timeout = f"{dice.uniform(0.1, 3):.3f}" if dice.random() < 0.1 else ""
    raw = _request("POST", path, tag, json.dumps(body).encode(), x_request_timeout=timeout)
    return Ask(tag=tag, kind=kind, raw=raw, fault=fault, choices=choices, tools=tools)


def refused_ask(dice: Random, tag: str) -> Ask:
    """A request that we have to refuse by ourselves."""
    chat = "/v1/chat/completions"
    good: dict[str, Any] = {"model": tag, "messages": [{"role": "user", "content": f"say {tag}"}]}
    raws = [
        _request("POST", chat, tag, json.dumps(good).encode(), authorization="Bearer wrong"),
        _request("POST", chat, tag, json.dumps(good).encode(), authorization=""),
        _request("POST", chat, tag, json.dumps({**good, "stream": True, "api_base": "http://evil"}).encode()),
        _request("POST", chat, tag, json.dumps({**good, "temperature": "hot"}).encode()),
        _request("POST", chat, tag, json.dumps({**good, "messages": 5}).encode()),
        _request("POST", chat, tag, b'{"model":"%b","messages":[{"role":"user","con' % tag.encode()),
        _request("POST", chat, tag, b'{"model":"%b","messages":NaN}' % tag.encode()),
        _request("POST", chat, tag, b"[" * 5_000),
        _request("POST", chat, tag, b'{"model":"\xff"}'),
        _request("POST", chat, tag, json.dumps(good).encode().ljust(120_000)),
        _request("POST", chat, tag, json.dumps(good).encode(), content_type="text/plain"),
        _request("POST", chat, tag, json.dumps(good).encode(), x_request_timeout="soon"),
        _request("POST", "/v1/embeddings", tag, b'{"model":"%b"}' % tag.encode()),
        _request("POST", "/v1/nowhere", tag, b"{}"),
        _request("PUT", "/nowhere", tag),  # no 405: Litestar lists the methods in an order of chance
        _request("GET", "/nowhere", tag),
        _request("GET", "/v1/models", tag, authorization=""),
        _request("GET", "/nowhere", tag, x_long="y" * 70_000),
    ]
    if dice.random() < 0.1:
        return Ask(tag=tag, kind="refused", raw=b"NONSENSE\r\n\r\n", garbage=True)
    return Ask(tag=tag, kind="refused", raw=dice.choice(raws))


def _request(method: str, path: str, tag: str, body: bytes = b"", **headers: str) -> bytes:
    fields = {"host": "sim", "x-request-id": tag, "authorization": f"Bearer {KEY}"}
    if method == "POST":
        fields.update({"content-type": "application/json", "content-length": str(len(body))})
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
