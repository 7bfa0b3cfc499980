"""Certificates made on the spot, in plain Python: no program and no package is needed, and none can go out of date.

P-256 and SHA-256, as much of X.509 as a verifying client looks at. For tests only: nothing here is constant-time.
"""

import base64
import hashlib
import ipaddress
import secrets
import ssl
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

Point = tuple[int, int]
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_BASE: Point = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_P256, _EC_KEY, _ECDSA_SHA256 = "2a8648ce3d030107", "2a8648ce3d0201", "2a8648ce3d040302"
_COMMON_NAME, _NAMES, _CONSTRAINTS, _USAGE = "550403", "551d11", "551d13", "551d0f"
_KEY_ID, _ISSUER_KEY_ID = "551d0e", "551d23"


class Issued(Struct, frozen=True):
    """A certificate with its key."""

    name: str
    key: int
    der: bytes

    def context(self, folder: Path) -> ssl.SSLContext:
        """For a server that shows it."""
        file = folder / f"{self.name}-{secrets.token_hex(4)}.pem"
        point = _times(self.key, _BASE)
        key = _sequence(
            _integer(1), _der(4, _bytes(self.key)), _der(0xA0, _oid(_P256)), _der(0xA1, _bits(_raw(point)))
        )
        file.write_text(_pem("CERTIFICATE", self.der) + _pem("EC PRIVATE KEY", key), encoding="ascii")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context

    def trusted(self) -> ssl.SSLContext:
        """For a client that trusts what this authority signed, and nothing else."""
        return ssl.create_default_context(cadata=_pem("CERTIFICATE", self.der))


def authority(name: str = "Test authority") -> Issued:
    """One that signs itself."""
    return _issue(name, [], None, "99991231235959Z")


def certificate(by: Issued, *names: str, until: str = "99991231235959Z") -> Issued:
    """For a server with these names or addresses."""
    return _issue(names[0], names, by, until)


def _issue(name: str, names: Sequence[str], by: Issued | None, until: str) -> Issued:
    key = secrets.randbelow(_ORDER - 1) + 1
    signer, issuer = (key, name) if by is None else (by.key, by.name)
    algorithm = _sequence(_oid(_ECDSA_SHA256))
    public = _raw(_times(key, _BASE))
    key_id = hashlib.sha256(public).digest()[:20]
    issuer_id = hashlib.sha256(_raw(_times(signer, _BASE))).digest()[:20]
    extensions = [
        _extension(_KEY_ID, _der(4, key_id)),
        _extension(_ISSUER_KEY_ID, _sequence(_der(0x80, issuer_id))),
        _extension(_NAMES, _sequence(*(_name(one) for one in names)))
        if by
        else _extension(_CONSTRAINTS, _sequence(_der(1, b"\xff")), critical=True)
        + _extension(_USAGE, _der(3, b"\x01\x06"), critical=True),
    ]
    content = _sequence(
        _der(0xA0, _integer(2)),
        _integer(secrets.randbits(63) + 1),
        algorithm,
        _named(issuer),
        _sequence(_der(24, b"20000101000000Z"), _der(24, until.encode())),
        _named(name),
        _sequence(_sequence(_oid(_EC_KEY), _oid(_P256)), _bits(public)),
        _der(0xA3, _sequence(*extensions)),
    )
    return Issued(name, key, _sequence(content, algorithm, _bits(_signature(signer, content))))


def _signature(key: int, content: bytes) -> bytes:
    digest = int.from_bytes(hashlib.sha256(content).digest(), "big")
    once = secrets.randbelow(_ORDER - 1) + 1
    r = _times(once, _BASE)[0] % _ORDER
    return _sequence(_integer(r), _integer(pow(once, -1, _ORDER) * (digest + r * key) % _ORDER))


def _times(factor: int, point: Point) -> Point:
    result: Point | None = None
    while factor:
        if factor & 1:
            result = point if result is None else _plus(result, point)
        point = _plus(point, point)
        factor >>= 1
    assert result is not None
    return result


def _plus(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) if one == other else (y2 - y1) * pow(x2 - x1, -1, _P)
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (length if size < 128 else bytes([0x80 | len(length)]) + length) + content


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, *parts)


def _integer(value: int) -> bytes:
    return _der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(code: str) -> bytes:
    return _der(6, bytes.fromhex(code))


def _bits(content: bytes) -> bytes:
    return _der(3, b"\0", content)


def _bytes(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _raw(point: Point) -> bytes:
    return b"\x04" + _bytes(point[0]) + _bytes(point[1])


def _named(name: str) -> bytes:
    return _sequence(_der(0x31, _sequence(_oid(_COMMON_NAME), _der(12, name.encode()))))


def _name(name: str) -> bytes:
    try:
        return _der(0x87, ipaddress.ip_address(name).packed)
    except ValueError:
        return _der(0x82, name.encode())


def _extension(code: str, value: bytes, *, critical: bool = False) -> bytes:
    return _sequence(_oid(code), _der(1, b"\xff") if critical else b"", _der(4, value))


def _pem(kind: str, content: bytes) -> str:
    return f"-----BEGIN {kind}-----\n{base64.encodebytes(content).decode()}-----END {kind}-----\n"
