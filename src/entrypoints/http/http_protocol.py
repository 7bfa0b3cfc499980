"""uvicorn's HTTP protocol with this API's form of errors, and a way to hang up on a caller who does not read."""

from collections.abc import Mapping
from typing import Any

import msgspec
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from entrypoints.http.openai_wire import ErrorBody, ErrorEnvelope

_BODY = msgspec.json.encode(
    ErrorEnvelope(
        ErrorBody(
            message="This is not an HTTP request.", type="invalid_request_error", param=None, code="invalid_request"
        )
    )
)
_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
    % (len(_BODY), _BODY)
)


_HANG_UP = "llm_proxy.hang_up"


class GatewayHttpProtocol(HttpToolsProtocol):
    """Answers a malformed request in the contract's form and closes; offers an ASGI extension to hang up."""

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_HANG_UP: {"abort": self.transport.abort}}

    @override
    def send_400_response(self, msg: str) -> None:
        self.transport.write(_ANSWER)
        self.transport.close()


def hang_up(scope: Mapping[str, Any]) -> bool:
    """Break the connection off without waiting for what was not read. Says whether the server could."""
    offered = (scope.get("extensions") or {}).get(_HANG_UP)
    if offered is None:
        return False
    offered["abort"]()
    return True
