"""uvicorn's HTTP protocol with this API's form of errors, for what is no HTTP request at all."""

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


class GatewayHttpProtocol(HttpToolsProtocol):
    """Answers a malformed request in the contract's form and closes."""

    @override
    def send_400_response(self, msg: str) -> None:
        self.transport.write(_ANSWER)
        self.transport.close()
