"""Text that came from outside, made safe to show: short, printable, without a key of ours or anything like one."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

_MASK = "[masked]"
# Shapes of credentials in the field: prefixed keys (sk-, pk-, gsk_, xai-, hf_, AIza, AKIA), bearer values, JWTs,
# and provider messages that quote half a key ("Incorrect API key provided: sk-inval****-key", seen 2026-11).
_SHAPES = re.compile(
    r"(?:\b(?:sk|pk|rk|gsk|xai|key|tok)[-_][A-Za-z0-9*._\-]{6,}"
    r"|\bhf_[A-Za-z0-9]{16,}"
    r"|\bAIza[0-9A-Za-z_\-]{10,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{12,}"
    r"|\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-.]{8,}"
    r"|(?<=[Bb]earer )[^\s\"',]{6,})"
)
# Addresses inside an operator's network are nobody else's business.
_URLS = re.compile(r"\b[a-z][a-z0-9+.-]{1,10}://[^\s\"'<>)\]]+")
_CODE = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")
_SHORT = 8  # a secret of fewer characters may be a word, and is masked only where it stands alone
_LONG = 16  # of a secret of as many characters, the last eight are no word either
_TAIL = 8


class _Secrets:
    """Texts that must never be shown, in any form in which they may come back. `longest` is that form's length."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True)
        self.longest = len(forms[0]) if forms else 0
        self._pattern = re.compile("|".join(_pattern(form) for form in forms))
        # What to look for first, because it is quick: one of them is in every form.
        self._in_all = tuple(form for form in forms if not any(other in form for other in forms if other != form))

    def hide(self, text: str) -> str:
        """`text` without them."""
        for form in self._in_all:
            if form in text:
                return self._pattern.sub(_MASK, text)
        return text


# The only state of the domain: errors are made everywhere, and none may depend on having been given this.
_ours = _Secrets(())


def remember_secrets(secrets: Iterable[str]) -> None:
    """From now on these are our own secrets, instead of those remembered before."""
    global _ours  # noqa: PLW0603 - a process has one set of them, told once at its start
    _ours = _Secrets(secrets)


def hide_ours(text: str) -> str:
    """`text` with our own secrets masked, and nothing else changed. Cheap enough for every request."""
    return _ours.hide(text)


def hide_secrets(text: str) -> str:
    """`text` with our own secrets masked, and what looks like one of somebody's."""
    return _SHAPES.sub(_MASK, hide_ours(text))


def clean_text(text: str, limit: int = 500) -> str:
    """`text` without control and separator characters, secrets and URLs masked, at most `limit` characters."""
    most = limit * 4 + _ours.longest
    cut = len(text) > most
    printable = "".join(c if c.isprintable() else " " for c in text[:most])
    masked = hide_ours(printable)
    if cut:  # half a secret may stand at the end
        masked = masked[: len(masked) - _ours.longest]
    return _URLS.sub("[url]", _SHAPES.sub(_MASK, masked))[:limit].strip()


def clean_code(code: str) -> str | None:
    """`code` if it is a word for programs, of at most 64 characters, and no secret; else None."""
    return code if _CODE.fullmatch(code) and hide_secrets(code) == code else None


def _forms(secret: str) -> Iterator[str]:
    """The texts in which `secret` may come back: as it is, in JSON, in a URL, in Base64, and its last characters."""
    yield secret
    if len(secret) < _SHORT:
        return
    yield json.dumps(secret)[1:-1]
    yield from _in_url(secret)
    yield from _in_base64(secret.encode(errors="surrogateescape"))
    if len(secret) >= _LONG:
        yield secret[-_TAIL:]


def _pattern(form: str) -> str:
    text = re.escape(form)
    return rf"(?<![\w\-]){text}(?![\w\-])" if len(form) < _SHORT else text


def _in_url(secret: str) -> Iterator[str]:
    for safe in ("", "/"):
        text = quote(secret, safe=safe, errors="surrogateescape")
        yield text
        yield re.sub("%..", lambda found: found[0].lower(), text)


def _in_base64(secret: bytes) -> Iterator[str]:
    """What all encodings of texts have in common that hold `secret`; there are three, by where in the text it is."""
    for before in range(3):
        first = -(-before * 8 // 6)
        last = (before + len(secret)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * before + secret).decode()[first:last]
