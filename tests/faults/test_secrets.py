"""A: who may come in, and what must never come out: keys and prompts, in any form, in any sink (invariant I8)."""

import ast
import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from domain.model.errors import GatewayError
from support.faults.answer_rows import FAULTS as ANSWER_FAULTS
from support.faults.callers_process import CHAT, ask, chat, ended, log_lines, service
from support.faults.gate import gate
from support.faults.parts import DONE, HEAD, error_body, finish, framed, plain, says, stream
from support.faults.provider import fault_provider
from support.faults.stream_rows import FAULTS as STREAM_FAULTS
from support.running_service import KEY, post
from support.wire_server import Script, plays, then_waits

SRC = Path(__file__).resolve().parents[2] / "src"
OURS = "canary-for-the-provider-7f3a9c21"
CALLERS = "canary/of+the_caller=5d81e0b4"
PROMPT = "canary prompt 9b2e4471, do not tell"


def forms(secret: str) -> list[str]:
    """The texts in which a secret may come out."""
    packed = [
        base64.b64encode(secret.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    ]
    return [secret, quote(secret, safe=""), json.dumps(secret)[1:-1], *packed, secret[-8:]]


def tells(secret: str, status: str = "400 Bad Request") -> dict[str, Script]:
    """Providers that repeat a secret wherever they can."""
    said = " ".join(forms(secret))
    headers = f"x-ratelimit-remaining-requests: {secret}\r\nx-litellm-call-id: {secret}\r\nretry-after: {secret}\r\n"
    bodies = {
        "message": error_body(said),
        "param": error_body("no", param=secret),
        "code": error_body("no", code=secret),
        "type": error_body("no").replace(b"server_error", secret.encode()),
        "text": json.dumps({"error": said}).encode(),
        "html": f"<html>{said}</html>".encode(),
    }
    found: dict[str, Script] = {}
    for name, body in bodies.items():
        found[f"tells {name}"] = plays(plain(status, body, headers=headers))
        found[f"tells {name} with 500"] = plays(plain("500 Oops", body, headers=headers))
        found[f"tells {name} in a stream"] = plays(stream(says("hi", role="assistant"), b"data: " + body + b"\n\n"))
    found["tells in headers of a good answer"] = plays(plain(headers=headers))
    found["tells in a field of its own"] = plays(
        HEAD, framed(says("hi", role="assistant"), f"error: {said}\n\n".encode(), finish(), DONE)
    )
    return found


async def test_a_11_no_key_of_ours_comes_out_anywhere_whatever_happens() -> None:
    scripts = {name: fault.plays for name, fault in STREAM_FAULTS.items()}
    scripts |= {name: fault.plays for name, fault in ANSWER_FAULTS.items()}
    scripts |= tells(OURS) | {f"callers {name}": script for name, script in tells(CALLERS).items()}
    scripts["hang"] = then_waits()
    seen = bytearray()
    async with fault_provider(scripts) as provider:
        settings: dict[str, Any] = {
            "litellm_api_key": OURS,
            "internal_api_key": f"{KEY},{CALLERS}",
            "log_level": "debug",
            "request_timeout": 2,
        }
        with service(provider.url, **settings) as process:

            async def one(model: str, *, whole: bool) -> None:
                body = {
                    "model": model,
                    "stream": not whole,
                    "messages": [{"role": "user", "content": PROMPT}],
                    "user": PROMPT,
                }
                answer = await ask(process, post(CHAT, json.dumps(body).encode(), key=CALLERS))
                seen.extend(answer.body + str(answer.headers).encode())

            for model in scripts:
                await asyncio.gather(one(model, whole=True), one(model, whole=False))
            for wrong in bad_requests():
                answer = await ask(process, wrong)
                seen.extend(answer.body + str(answer.headers).encode())
            process.popen.terminate()
            assert await ended(process, 10) == 0
            logged = process.log.read_bytes()
            assert len(log_lines(process)) >= 2 * len(scripts)
    # A provider's own message may quote the caller's words to the caller, and this one quotes keys, not prompts.
    for secret in (OURS, CALLERS, PROMPT):
        for form in forms(secret):
            assert form.encode() not in logged, form
            assert form.encode() not in seen, form


def bad_requests() -> list[bytes]:
    """Requests that are refused, each with a prompt or a key in a place where it does not belong."""
    key = CALLERS
    bodies = [
        PROMPT.encode(),
        json.dumps({"model": "m", "messages": PROMPT}).encode(),
        json.dumps({"model": "m", "messages": [{"role": "user", "content": PROMPT}], "temperature": PROMPT}).encode(),
        json.dumps({"model": "m", "messages": [{"role": "user", "content": {"text": PROMPT}}]}).encode(),
        json.dumps({"model": "m", "messages": [{"role": "user", "content": PROMPT}], "api_key": key}).encode(),
        json.dumps({"model": "m", "messages": [{"role": "user", "content": PROMPT}]}).encode()[:-5],
        json.dumps({"model": "m", "messages": [{"role": "user", "content": PROMPT}]}).encode() + b"\xff",
    ]
    found = [post(CHAT, body, key=key) for body in bodies]
    found.append(post(CHAT, b"{}", {"authorization": f"Basic {key}"}))
    found.append(post(CHAT, b"{}", {"x-internal-auth": key + "x", "authorization": ""}))
    found.append(post(f"/v1/{key}", b"{}"))
    found.append(post(CHAT, b"{}", {"x-request-timeout": key}))
    return found


async def test_a_11_a_prompt_that_a_provider_repeats_is_not_logged() -> None:
    async with fault_provider(tells(PROMPT)) as provider:
        with service(provider.url, log_level="debug") as process:
            for model in tells(PROMPT):
                await ask(process, chat(model, stream="stream" in model or "field" in model))
            process.popen.terminate()
            assert await ended(process, 10) == 0
            logged = process.log.read_bytes()
    assert b'"event":"request"' in logged
    assert PROMPT.encode() not in logged


HEADERS: dict[str, tuple[dict[str, str], int]] = {
    "A-01 none": ({"authorization": ""}, 401),
    "A-01 no value": ({"authorization": "Bearer"}, 401),
    "A-01 empty": ({"authorization": "Bearer "}, 401),
    "A-01 basic": ({"authorization": "Basic dGVzdC1rZXk6"}, 401),
    "A-01 lower case": ({"authorization": f"bearer {KEY}"}, 200),
    "A-01 wrong": ({"authorization": "Bearer wrong"}, 401),
    "A-01 60 KB": ({"authorization": "Bearer " + "x" * 60_000}, 401),
    "A-01 bytes that are no text": ({"authorization": "Bearer \xff\xe9"}, 401),
    "A-01 both kinds": ({"x-internal-auth": KEY}, 200),
    "A-02 all but the last character": ({"authorization": f"Bearer {KEY[:-1]}"}, 401),
    "A-02 one character more": ({"authorization": f"Bearer {KEY}x"}, 401),
    "A-02 another case": ({"authorization": f"Bearer {KEY.upper()}"}, 401),
    "A-03 a query": ({"authorization": "Bearer ' OR 1=1--"}, 401),
    "A-03 patterns": ({"authorization": "Bearer {}*?%00"}, 401),
}


@pytest.mark.parametrize(("headers", "status"), HEADERS.values(), ids=HEADERS)
async def test_who_may_come_in(headers: dict[str, str], status: int) -> None:
    async with gate(plays(plain())) as it:
        answer = await it.exchange(it.request(headers=headers))
        assert answer.status == status
        if status == 401:
            assert answer.code == "invalid_api_key"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert it.provider.connections == 0


async def test_a_01_two_keys_in_one_request_are_one_too_many() -> None:
    async with gate(plays(plain())) as it:
        twice = it.request().replace(b"host: test\r\n", b"host: test\r\nauthorization: Bearer other\r\n")
        answer = await it.exchange(twice)
        assert (answer.status, answer.error["param"] if answer.error else None) == (400, "authorization")


OPEN = {"/health", "/health/live", "/health/ready", "/docs", "/openapi.json"}


async def test_a_05_a_09_every_route_but_the_open_ones_wants_a_key_under_any_spelling() -> None:
    async with gate(plays(plain())) as it:
        closed = {
            path: methods
            for path, methods in it.service.routes().items()
            if path not in OPEN and not path.startswith("/docs/")
        }
        assert "/v1/chat/completions" in closed
        for path, methods in closed.items():
            name = path.split("{")[0] + ("x" if "{" in path else "")
            for spelled in (
                name,
                name + "/",
                name.replace("/v1", "//v1"),
                name.replace("v1", "%761"),
                name + "?key=x",
            ):
                for method in methods - {"OPTIONS"}:
                    request = (
                        f"{method} {spelled} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                    )
                    answer = await it.exchange(request.encode())
                    assert answer.status in (401, 404), (method, spelled)
        assert it.provider.connections == 0


FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.loads", "yaml.load"}
FORBIDDEN_IMPORTS = {"subprocess", "pickle", "marshal", "shelve", "ctypes", "importlib"}
ALLOWED = {"src/entrypoints/settings.py"}  # asks importlib for the version that is installed


def test_a_12_nothing_here_can_be_made_to_run_what_a_caller_sent() -> None:
    for path in sorted(SRC.rglob("*.py")):
        if path.relative_to(SRC.parent).as_posix() in ALLOWED:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in FORBIDDEN_CALLS, path
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & FORBIDDEN_IMPORTS, path


def test_a_11_no_error_shows_where_it_was_raised_with() -> None:
    error = GatewayError(f"key {OURS} sk-abcdefghijkl at http://10.0.0.7/x")
    assert "10.0.0.7" not in repr(error) + str(error)
    assert "sk-abc" not in repr(error) + str(error)
