"""Text that came from outside, made safe to show: short, printable, without anything that looks like a key."""

import re

_MASK = "[masked]"
# Shapes of credentials in the field: prefixed keys (sk-, pk-, gsk_, xai-, hf_, AIza, AKIA), bearer values, JWTs,
# and provider messages that quote half a key ("Incorrect API key provided: sk-inval****-key", seen 2026-11).
_SECRETS = re.compile(
    r"(?:\b(?:sk|pk|rk|gsk|xai|hf|key|tok)[-_][A-Za-z0-9*._\-]{6,}"
    r"|\bAIza[0-9A-Za-z_\-]{10,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{12,}"
    r"|\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-.]{8,}"
    r"|(?<=[Bb]earer )[^\s\"',]{6,})"
)
# Addresses inside an operator's network are nobody else's business.
_URLS = re.compile(r"\b[a-z][a-z0-9+.-]{1,10}://[^\s\"'<>)\]]+")


def clean_text(text: str, limit: int = 500) -> str:
    """`text` without control and separator characters, keys and URLs masked, at most `limit` characters."""
    text = text[: limit * 4]
    printable = "".join(c if c.isprintable() else " " for c in text)
    return _URLS.sub("[url]", _SECRETS.sub(_MASK, printable))[:limit].strip()
