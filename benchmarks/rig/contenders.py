"""The gateways compared: how each is configured, and started, as its makers would have it.

One function per contender writes its configuration and returns a `Launch`; adding a gateway is
adding one such function to `CONTENDERS`. Every one gets the same upstreams, checks the same
client key, sends the provider's key on, keeps connections alive and logs accesses to a file.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec

from rig.load import END, Lane
from rig.payloads import PROVIDER_KEY

CLIENT_KEY = "sk-client-key-of-the-benchmark-0123456789abcdef"
SEARCH_PATH = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]
)
TRANSLATED = ("translated", "translated_stream")
"""Lanes where clients speak OpenAI's dialect and the upstream Anthropic's."""
LITELLM_ENVIRONMENT = ".venv-bench-litellm"


class Upstreams(msgspec.Struct, frozen=True, kw_only=True):
    """Where the provider is played: fixed answers, the same over TLS, and streams."""

    plain_port: int
    tls_port: int | None
    stream_port: int
    ca_file: Path


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """How to start a contender, and where its lanes (plain, tls, stream) are reached.

    It is ready when `ready_path` (`health_path` where empty) answers 200.
    """

    name: str
    version: str
    command: list[str]
    config: str
    lanes: dict[str, Lane]
    environment: dict[str, str] = {}
    health_path: str = "/health"
    ready_path: str = ""
    note: str = ""


class Skipped(Exception):
    """A contender is not on this machine; the message is the word said about it."""


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find(program: str) -> str:
    """Return the path of `program`; Skipped where it is not installed."""
    path = shutil.which(program, path=SEARCH_PATH)
    if path is None:
        raise Skipped(f"{program} is not installed")
    return path


def nginx(folder: Path, upstreams: Upstreams) -> Launch:
    """Return nginx as a proxy: one worker, pooled upstream connections, buffered log."""
    program = find("nginx")
    about = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    ports = {lane: free_port() for lane in ("plain", "tls", "stream", *TRANSLATED)}
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "\n".join(
        f"  {kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = f"""\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log {folder}/access.log combined buffer=64k flush=1s;
  keepalive_requests 1000000000;
  keepalive_timeout 75s;
  client_body_buffer_size 256k;
  client_max_body_size 32m;
{temporary}
  map_hash_bucket_size 256;
  map $http_authorization $known {{ default 0; "Bearer {CLIENT_KEY}" 1; }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Authorization "Bearer {PROVIDER_KEY}";
  upstream plain {{ server 127.0.0.1:{upstreams.plain_port}; {_KEEP} }}
  upstream stream {{ server 127.0.0.1:{upstreams.stream_port}; {_KEEP} }}
  server {{
    listen 127.0.0.1:{ports["plain"]} backlog=1024;
    location = /health {{ access_log off; return 200 "ok"; }}
    location /v1/ {{ if ($known = 0) {{ return 401; }} proxy_pass http://plain; }}
  }}
  server {{
    listen 127.0.0.1:{ports["stream"]} backlog=1024;
    location = /health {{ access_log off; return 200 "ok"; }}
    location /v1/ {{
      if ($known = 0) {{ return 401; }}
      proxy_buffering off;
      proxy_read_timeout 300s;
      proxy_pass http://stream;
    }}
  }}
{_nginx_messages(ports["translated"], "plain")}
{_nginx_messages(ports["translated_stream"], "stream")}
{_nginx_tls(ports["tls"], upstreams)}}}
"""
    path = folder / "nginx.conf"
    path.write_text(config)
    return Launch(
        name="nginx",
        version=about.strip().rpartition("/")[2],
        command=[program, "-c", str(path)],
        config=config,
        lanes=_lanes(ports, upstreams),
        note="passes on, and translates nothing",
    )


_KEEP = "keepalive 512; keepalive_requests 1000000000; keepalive_timeout 300s;"


def _nginx_messages(port: int, upstream: str) -> str:
    return f"""\
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location = /health {{ access_log off; return 200 "ok"; }}
    location /v1/ {{
      if ($known = 0) {{ return 401; }}
      proxy_buffering {"off" if upstream == "stream" else "on"};
      proxy_read_timeout 300s;
      rewrite ^ /v1/messages break;
      proxy_pass http://{upstream};
    }}
  }}
"""


def _nginx_tls(port: int, upstreams: Upstreams) -> str:
    if upstreams.tls_port is None:
        return ""
    return f"""\
  upstream tls {{ server 127.0.0.1:{upstreams.tls_port}; {_KEEP} }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location = /health {{ access_log off; return 200 "ok"; }}
    location /v1/ {{
      if ($known = 0) {{ return 401; }}
      proxy_pass https://tls;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {upstreams.ca_file};
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
    }}
  }}
"""


def haproxy(folder: Path, upstreams: Upstreams) -> Launch:
    """Return haproxy as a proxy: one thread, connections reused, log to a file."""
    program = find("haproxy")
    about = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stdout
    ports = {lane: free_port() for lane in ("plain", "tls", "stream")}
    tls = f"ssl verify required ca-file {upstreams.ca_file} sni str(localhost)"
    targets = {"plain": f"{upstreams.plain_port}", "stream": f"{upstreams.stream_port}"}
    if upstreams.tls_port is not None:
        targets["tls"] = f"{upstreams.tls_port} {tls}"
    sections = "".join(
        f"""
frontend {lane}
  bind 127.0.0.1:{ports[lane]}
  http-request return status 200 content-type text/plain string ok if {{ path /health }}
  http-request deny deny_status 401 unless {{ req.hdr(authorization) -m str "Bearer {CLIENT_KEY}" }}
  http-request set-header authorization "Bearer {PROVIDER_KEY}"
  default_backend {lane}
backend {lane}
  server upstream 127.0.0.1:{target} pool-purge-delay 300s
"""
        for lane, target in targets.items()
    )
    config = f"""\
global
  nbthread 1
  maxconn 4096
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 300s
  timeout server 300s
{sections}"""
    path = folder / "haproxy.cfg"
    path.write_text(config)
    return Launch(
        name="haproxy",
        version=about.split()[2].partition("-")[0],
        command=[program, "-f", str(path), "-db"],
        config=config,
        lanes=_lanes(ports, upstreams),
    )


def _lanes(ports: Mapping[str, int], upstreams: Upstreams) -> dict[str, Lane]:
    return {
        lane: Lane(
            port=port,
            key=CLIENT_KEY,
            model="bench",
            exact=lane not in TRANSLATED,
            ends='"message_stop"}\n\n' if lane in TRANSLATED else END,
        )
        for lane, port in ports.items()
        if lane != "tls" or upstreams.tls_port is not None
    }


def litellm(folder: Path, upstreams: Upstreams) -> Launch:
    """Return LiteLLM's proxy, one worker, without a database (so without budgets or spend).

    Installs the newest release from PyPI into an environment of its own on first use.
    """
    python = install_litellm(Path(__file__).parents[2])
    port = free_port()
    targets = {"plain": f"http://127.0.0.1:{upstreams.plain_port}/v1"}
    targets["stream"] = f"http://127.0.0.1:{upstreams.stream_port}/v1"
    if upstreams.tls_port is not None:
        targets["tls"] = f"https://localhost:{upstreams.tls_port}/v1"
    targets["translated"] = f"http://127.0.0.1:{upstreams.plain_port}"
    targets["translated_stream"] = f"http://127.0.0.1:{upstreams.stream_port}"
    makers = {lane: "anthropic" if lane in TRANSLATED else "openai" for lane in targets}
    models = "".join(
        f"""\
  - model_name: bench-{lane}
    litellm_params:
      {{ model: {makers[lane]}/bench, api_base: "{url}", api_key: "{PROVIDER_KEY}" }}
"""
        for lane, url in targets.items()
    )
    config = f"""\
model_list:
{models}litellm_settings: {{ telemetry: false, num_retries: 0 }}
general_settings: {{ master_key: "{CLIENT_KEY}" }}
"""
    path = folder / "litellm.yaml"
    path.write_text(config)
    found = subprocess.run(
        [python, "-c", "from importlib.metadata import version; print(version('litellm'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    options = ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    return Launch(
        name="litellm",
        version=found.strip(),
        command=[str(python.parent / "litellm"), "--config", str(path), *options],
        config=config,
        environment={
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            **({"SSL_CERT_FILE": str(upstreams.ca_file)} if "tls" in targets else {}),
        },
        lanes={
            lane: Lane(port=port, key=CLIENT_KEY, model=f"bench-{lane}", exact=False)
            for lane in targets
        },
        health_path="/health/liveliness",
        note="no database: its budgets and spend tracking are off",
    )


def install_litellm(root: Path) -> Path:
    """Return the Python of LiteLLM's environment under `root`, made where it is missing."""
    folder = root / LITELLM_ENVIRONMENT
    python = folder / "bin" / "python"
    if not (folder / "bin" / "litellm").exists():
        print(f"installing litellm[proxy] into {folder.name} (about two minutes) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "litellm[proxy]"]
        result = subprocess.run(install, check=False)
        if result.returncode != 0:
            raise Skipped("litellm could not be installed")
    return python


def tramontane(folder: Path, upstreams: Upstreams) -> Launch:
    """Return Tramontane as it comes, with limits and budgets too high to be met.

    Everything is on: key check, limits, budgets, the journal with its sync, access log, metrics.
    """
    program = find("tramontane")
    targets = {"plain": f"http://127.0.0.1:{upstreams.plain_port}/v1"}
    targets["stream"] = f"http://127.0.0.1:{upstreams.stream_port}/v1"
    if upstreams.tls_port is not None:
        targets["tls"] = f"https://localhost:{upstreams.tls_port}/v1"
    targets["translated"] = targets["plain"]
    targets["translated_stream"] = targets["stream"]
    config = "".join(
        f"""\
[deployments.bench-{lane}]
url = "{url}"
dialect = "{"anthropic" if lane in TRANSLATED else "openai"}"
upstream_model = "bench"
key_env = "BENCH_KEY"
price = {{ input_per_mtok = "0.15", output_per_mtok = "0.60" }}
{f'ca_file = "{upstreams.ca_file}"' if lane == "tls" else ""}
"""
        for lane, url in targets.items()
    )
    path = folder / "tramontane.toml"
    path.write_text(config)
    where = ["--config", str(path), "--data", str(folder / "data")]
    environment = {"BENCH_KEY": PROVIDER_KEY}

    def run(*words: str) -> str:
        command = [program, *words, "--json", *where]
        ran = subprocess.run(
            command, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE
        )
        return ran.stdout.decode()

    most = str(10**12)
    limits = ["--requests-per-minute", most, "--tokens-per-minute", most]
    run("project", "create", "bench", *limits)
    for window in ("day", "month", "total"):
        run("budget", "set", "bench", "9000000", "--per", window)
    secret = json.loads(run("key", "create", "bench", "load"))["secret"]
    port = free_port()
    return Launch(
        name="tramontane",
        version=_tramontane_version(),
        command=[program, "serve", "--port", str(port), "--json", *where],
        config=config,
        environment=environment,
        lanes={
            lane: Lane(port=port, key=secret, model=f"bench-{lane}", exact=lane not in TRANSLATED)
            for lane in targets
        },
        ready_path="/ready",
    )


def _tramontane_version() -> str:
    """Return the package's version with the commit of the working tree, where there is one."""
    number = version("tramontane")
    describe = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(
        describe, cwd=Path(__file__).parent, check=False, capture_output=True, text=True
    )
    return f"{number} ({found.stdout.strip()})" if found.returncode == 0 else number


CONTENDERS: dict[str, Callable[[Path, Upstreams], Launch]] = {
    "nginx": nginx,
    "haproxy": haproxy,
    "litellm": litellm,
    "tramontane": tramontane,
}


def redacted(text: str) -> str:
    """Return `text` without keys, for printing."""
    return re.sub(r"(sk-|tmt_|provider-key-)[\w-]+", r"\1...", text)
