"""U: what providers do wrong before a stream begins or in a whole answer, a row each."""

import gzip
import json

from msgspec import Struct

from support.faults.parts import WHOLE_STREAM, completion, error_body, plain
from support.wire_server import Script, plays, then_closes, then_resets

GOOD = json.dumps(completion()).encode()
SECRET_HTML = b"<html><h1>502</h1>internal-host-10.0.0.7 sk-upstream-secret-key</html>"


class Fault(Struct, frozen=True, kw_only=True):
    """A script and what has to come of it, `both` streamed and not: no code means that all is well."""

    plays: Script
    status: int = 502
    code: str | None = "upstream_invalid"
    outcome: str = "failed"
    both: bool = True


def fails(status: str, body: bytes | None = None, headers: str = "", kind: str = "application/json") -> Script:
    """Refuses, as a provider would."""
    return plays(plain(status, error_body() if body is None else body, kind, headers))


def head(*lines: str) -> bytes:
    """A response head by its lines."""
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"


MANY = "".join(f"x-h{number}: {'v' * 1000}\r\n" for number in range(3000))
LONG = f"x-long: {'v' * (1 << 20)}\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
OK_HEAD = "HTTP/1.1 200 OK"
LENGTH = f"content-length: {len(GOOD)}"

FAULTS: dict[str, Fault] = {
    "U-07 reset before any byte": Fault(plays=then_resets(), code="upstream_unreachable"),
    "U-07 end before any byte": Fault(plays=then_closes(), code="upstream_unreachable"),
    "U-07 reset within the head": Fault(plays=then_resets(b"HTTP/1.1 200 OK\r\ncontent-"), code="upstream_unreachable"),
    "U-21 HTML": Fault(plays=plays(plain(body=SECRET_HTML, kind="text/html"))),
    "U-25 HTML with a status": Fault(plays=fails("502 Bad Gateway", SECRET_HTML, kind="text/html"), code="upstream_error"),
    "U-26 compressed": Fault(plays=plays(plain(body=gzip.compress(GOOD), headers="content-encoding: gzip\r\n"))),
    "U-26 said to be compressed": Fault(plays=plays(plain(headers="content-encoding: br\r\n"))),
    "U-29 400": Fault(plays=fails("400 Bad Request"), status=400, code="invalid_request", outcome="rejected"),
    "U-29 404": Fault(plays=fails("404 Not Found"), status=404, code="model_not_found", outcome="rejected"),
    "U-29 413": Fault(plays=fails("413 Too Large"), status=400, code="invalid_request", outcome="rejected"),
    "U-29 422": Fault(plays=fails("422 Unprocessable"), status=400, code="invalid_request", outcome="rejected"),
    "U-30 401": Fault(plays=fails("401 Unauthorized"), code="upstream_auth"),
    "U-30 403": Fault(plays=fails("403 Forbidden"), code="upstream_auth"),
    "U-30 401 with a challenge": Fault(plays=fails("401 Unauthorized", headers="www-authenticate: Bearer\r\n"), code="upstream_auth"),
    "U-33 four early hints, then the answer": Fault(plays=plays(EARLY * 4 + plain()), status=200, code=None, outcome="ok", both=False),
    "U-33 continue, then the answer": Fault(plays=plays(b"HTTP/1.1 100 Continue\r\n\r\n" + plain()), status=200, code=None, outcome="ok", both=False),
    "U-33 hints without end": Fault(plays=plays(EARLY * 9)),
    "U-33 another protocol": Fault(plays=plays(head("HTTP/1.1 101 Switching", "upgrade: h2c", "connection: upgrade"))),
    "U-34 headers without number": Fault(plays=plays(plain(headers=MANY))),
    "U-34 a header without end": Fault(plays=plays(plain(headers=LONG))),
    "U-34 204": Fault(plays=plays(head("HTTP/1.1 204 No Content"))),
    "U-34 206": Fault(plays=plays(plain("206 Partial Content"))),
    "U-34 304": Fault(plays=plays(head("HTTP/1.1 304 Not Modified"))),
    "U-34 999": Fault(plays=plays(plain("999 Odd"))),
    "U-35 length and chunks": Fault(plays=plays(head(OK_HEAD, LENGTH, "transfer-encoding: chunked"), b"0\r\n\r\n")),
    "U-35 two lengths": Fault(plays=plays(head(OK_HEAD, LENGTH, "content-length: 5"), GOOD)),
    "U-35 a length that is none": Fault(plays=plays(head(OK_HEAD, "content-length: five"), GOOD)),
    "U-35 shorter than its length": Fault(plays=then_closes(head(OK_HEAD, "content-type: application/json", "content-length: 5000"), GOOD), code="upstream_truncated"),
    "U-35 longer than its length": Fault(plays=plays(plain() + b"x" * 10), status=200, code=None, outcome="ok", both=False),
    "U-35 no HTTP": Fault(plays=plays(b"SSH-2.0-OpenSSH_9.2\r\n")),
    "U-38 a stream instead of a whole answer": Fault(plays=plays(WHOLE_STREAM), both=False),
}  # fmt: skip
