"""Schemathesis over our own document, against a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from msgspec import Struct

from support.processes import our_service
from support.running_service import KEY

_FOLDER = Path(__file__).resolve().parents[2] / "fuzz"
_PATIENCE_S = 36_000


class Outcome(Struct, frozen=True, kw_only=True):
    """What it said, and how the service settled its requests: by operation, outcome and code."""

    clean: bool
    output: str
    settled: Counter[tuple[str, str, str | None]]
    log: str


def schemathesis(examples: int, *, key: str | None = KEY) -> Outcome:
    """Every check, with so many examples for each operation. `key`: what the service asks for; it is always shown."""
    keys: dict[str, Any] = {} if key is None else {"internal_api_key": key}
    with our_service(llm_mode="mock", **keys) as process, tempfile.TemporaryDirectory() as scratch:
        # Both ways to show the key: else the one under test would be overruled by an invented other.
        command = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "--config-file",
            str(_FOLDER / "schemathesis.toml"),
            "run",
        ]
        command += [f"{process.url}/openapi.json", "--checks", "all", "--max-examples", str(examples)]
        command += ["-H", f"X-Internal-Auth: {KEY}", "-H", f"Authorization: Bearer {KEY}"]
        environ = {**os.environ, "PYTHONPATH": str(_FOLDER)}
        done = subprocess.run(
            command, cwd=scratch, env=environ, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
        log = process.log.read_text(errors="replace")
    rows = [json.loads(line) for line in log.splitlines() if line.startswith('{"event":"request"')]
    settled = Counter((row["operation"], row["outcome"], row.get("code")) for row in rows)
    return Outcome(clean=done.returncode == 0, output=done.stdout + done.stderr, settled=settled, log=log)
