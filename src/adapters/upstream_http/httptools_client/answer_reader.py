"""HTTP/1.1 answers out of a connection's bytes (RFC 9112). Sans-io: bytes in, state out."""

import httptools
from httptools import HttpParserError, HttpParserUpgrade

from adapters.upstream_http.response_rules import not_http

_MOST_FRAMING = 64 * 1024  # bytes of head, chunk sizes or trailers without any body between them
_MOST_INTERIM = 8  # 1xx answers before the one that counts


class AnswerReader:
    """Reads one answer after the other; `begin` before each.

    `began` is true from the end of the headers, `complete` from the end of the body; `pieces` are the body's bytes
    that nobody has taken, `buffered` their number. `clean` says that the connection can carry another exchange.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Expect a new answer."""
        self._fields: list[tuple[bytes, bytes]] = []
        self._framing = 0
        self._interim = 0
        self._overrun = False
        self._until_eof = False
        self._keep_alive = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.buffered = 0
        self.began = False
        self.complete = False

    @property
    def heard(self) -> bool:
        """Whether any byte has come. Without a body all of them are framing."""
        return self.began or self._framing > 0

    @property
    def clean(self) -> bool:
        """The answer has ended, nothing stands behind it, and both sides keep the connection."""
        return self.complete and self._keep_alive and not self._overrun

    def feed(self, data: bytes | memoryview) -> None:
        """Read on. Raises UpstreamInvalid for what is not HTTP, or framing without end."""
        if self.complete:
            self._overrun = True
            return
        had = self.buffered
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self.complete:  # garbage behind a complete answer spoils the connection, not the answer
                raise not_http() from error
            self._overrun = True
        self._framing = 0 if self.buffered > had else self._framing + len(data)
        if self._framing > _MOST_FRAMING or self._interim > _MOST_INTERIM:
            raise not_http()

    def take(self) -> bytes:
        """Everything of the body that is there."""
        pieces, self.pieces, self.buffered = self.pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def eof(self) -> None:
        """The connection has ended: the end of a body that declared none."""
        if self.began and self._until_eof:
            self.complete = True

    def close(self) -> None:
        """No more bytes; the parser, which knows us, is let go."""
        del self._parser

    # What httptools calls. A callback that raised would lose its error's type, so none raises.

    def on_message_begin(self) -> None:
        """A second answer in the same bytes."""
        if self.complete:
            self._overrun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; trailers, which come behind the body, are dropped."""
        if not self.began:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """The end of the head: of the answer, or of a 1xx before it."""
        if self.complete or self._interim > _MOST_INTERIM:
            return
        status = self._parser.get_status_code()
        if status < 200:
            return
        self.status = status
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._fields}
        self._until_eof = "content-length" not in self.headers and not self._parser.should_keep_alive()
        self.began = True

    def on_body(self, body: bytes) -> None:
        """A part of the body, without its framing."""
        if not self.complete:
            self.pieces.append(body)
            self.buffered += len(body)

    def on_message_complete(self) -> None:
        """The end of the answer, or of a 1xx before it."""
        if self.began and not self.complete:
            self._keep_alive = self._parser.should_keep_alive()
            self.complete = True
        elif not self.began:
            self._fields = []
            self._interim += 1
