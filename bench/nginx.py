"""nginx as the floor: proxy_pass with kept-alive upstream connections, a key looked up by token, no log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.machine import LOAD_CPU, PROXY_CPU, Running, free_port, running, tool, wait_for_port
from bench.target import Target

PATH = "/api/v1/openai/chat/completions"
TOKEN = "bench-token"

_RIM = """
daemon off;
worker_processes 1;
error_log stderr error;
pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    client_body_buffer_size 64k;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{http}
}}
"""

_PROXY = """
    map $http_authorization $provider_key {{
        default "";
        "Bearer {token}" "Bearer sk-bench-0000000000000000000000000000000000000000";
    }}
    upstream provider {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location /api/v1/openai/ {{
            if ($provider_key = "") {{ return 401; }}
            proxy_pass {scheme}://provider/v1/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host {host};
            proxy_set_header Authorization $provider_key;
            proxy_buffering off;
            proxy_read_timeout 300s;
{tls}
        }}
    }}
"""

_VERIFIED = """
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {ca};
            proxy_ssl_name {host};
            proxy_ssl_server_name on;
            proxy_ssl_protocols TLSv1.3;
            proxy_ssl_session_reuse on;
"""

_TERMINATOR = """
    upstream mock {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.3;
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
"""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a CA made for one run, and of a server's certificate by it for `host` and 127.0.0.1."""

    ca: Path
    certificate: Path
    key: Path
    host: str = "localhost"


@contextlib.contextmanager
def _nginx(name: str, http: str, port: int, work: Path, cpu: int) -> Iterator[Running]:
    folder = work / name.replace(" ", "-")  # its configuration takes no spaces
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(_RIM.format(folder=folder, http=http))
    command = [tool("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(config)]
    with running(name, command, cpu=cpu, log=folder / "log") as process:
        wait_for_port(port, process)
        yield process


@contextlib.contextmanager
def nginx(name: str, upstream: int, work: Path, *, tls: Tls | None = None) -> Iterator[Target]:
    """nginx in the place of the gateway."""
    port = free_port()
    http = _PROXY.format(
        token=TOKEN,
        port=port,
        upstream=upstream,
        scheme="https" if tls else "http",
        host=tls.host if tls else "127.0.0.1",
        tls=_VERIFIED.format(ca=tls.ca, host=tls.host) if tls else "",
    )
    with _nginx(name, http, port, work, PROXY_CPU) as process:
        yield Target(name, port, PATH, process, token=TOKEN)


@contextlib.contextmanager
def tls_terminator(upstream: int, work: Path, tls: Tls) -> Iterator[int]:
    """TLS in front of the mock, on the core of the load; its port."""
    port = free_port()
    http = _TERMINATOR.format(port=port, upstream=upstream, certificate=tls.certificate, key=tls.key)
    with _nginx("tls", http, port, work, LOAD_CPU):
        yield port
