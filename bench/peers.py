"""Who is measured. A peer is a function that gives a command; adding one takes a few lines at the end of this file.

It is given the port to listen on, the provider's port and an empty folder for files of its own. The command must
serve OpenAI's chat completions and pass them on to the provider at http://127.0.0.1:<provider>/v1.
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEY = "bench-key"


@dataclass
class Launch:
    """How a peer is started, and how much it can bear: `crowd` concurrent streams in the memory measurement."""

    command: list[str]
    environ: dict[str, str] = field(default_factory=dict)
    crowd: int = 1000


Peer = Callable[[int, int, Path], Launch]
PEERS: dict[str, Peer] = {}


def peer(make: Peer) -> Peer:
    """Register a peer by its function's name."""
    PEERS[make.__name__.strip("_")] = make
    return make


@peer
def ours(port: int, provider: int, _folder: Path) -> Launch:
    """This service as an operator runs it: keys wanted, a log line a request, one worker."""
    return _service(port, provider)


@peer
def ours_aiohttp(port: int, provider: int, _folder: Path) -> Launch:
    """The same with the other HTTP client towards providers."""
    return _service(port, provider, HTTP_CLIENT="aiohttp")


def _service(port: int, provider: int, **more: str) -> Launch:
    settings = {
        "LITELLM_PROXY_URL": f"http://127.0.0.1:{provider}",
        "INTERNAL_API_KEY": KEY,
        "PORT": str(port),
        **more,
    }
    environ = {f"LLM_PROXY__{name}": value for name, value in settings.items()}
    return Launch([sys.executable, "-m", "entrypoints.cli.main", "serve"], environ)


@peer
def nginx(port: int, provider: int, folder: Path) -> Launch:
    """Bytes only, nothing read: the floor for any proxy in user space."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    config = folder / "nginx.conf"
    config.write_text(f"""
        daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error;
        events {{ worker_connections 8192; }}
        http {{
            access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
            uwsgi_temp_path {folder}; scgi_temp_path {folder}; keepalive_requests 1000000;
            upstream provider {{ server 127.0.0.1:{provider}; keepalive 2048; keepalive_requests 1000000; }}
            server {{
                listen 127.0.0.1:{port} backlog=4096;
                location = /health {{ return 200; }}
                location / {{
                    proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header connection "";
                    proxy_buffering off;
                }}
            }}
        }}""")
    return Launch([program, "-e", "stderr", "-c", str(config)])


@peer
def litellm(port: int, provider: int, folder: Path) -> Launch:
    """A LiteLLM proxy, from the virtual environment that `make test-litellm` makes or LITELLM_PYTHON names."""
    python = Path(os.environ.get("LITELLM_PYTHON") or ROOT / ".venv-litellm" / "bin" / "python")
    if not python.exists():
        raise SystemExit(f"no LiteLLM at {python}: run make test-litellm once, or set LITELLM_PYTHON")
    config = folder / "config.yaml"
    config.write_text(f"""
model_list:
  - model_name: "*"
    litellm_params: {{model: "openai/*", api_key: fake, api_base: "http://127.0.0.1:{provider}/v1"}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
litellm_settings: {{telemetry: false}}
general_settings: {{master_key: {KEY}}}
""")
    command = [str(python), str(python.parent / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
    environ = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "PATH": f"{python.parent}:{os.environ['PATH']}",
    }
    return Launch([*command, "--port", str(port)], environ, crowd=50)
