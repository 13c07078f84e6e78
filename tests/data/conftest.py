"""A small data set that the tests make themselves: mirror, manifest, and a local HTTP server."""

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tubekit.data.encode import png
from tubekit.data.integrity import content_digest

MANIFEST = """
name = "toy"
version = "1"
title = "Toy"
task = "lines"
dimensions = 2
access = "open"
folder = "toy"
citation = "none"
preprocessing = "z-score"
remarks = []

[licence]
name = "CC0"
url = "https://example.org"
checked = 2026-01-01

[labels]
names = ["background", "line"]
values = [0, 255]

[spacing]
rule = "constant"
value = [1.0, 1.0]

[files.image]
path = "images/{{id}}.png"

[files.label]
path = "labels/{{id}}.png"

[patients]
one = ["a", "b"]

[splits]
train = ["a", "b"]
test = ["c"]

[origin.image]
url = "{url}"
path = "raw/{{id}}.png"

[origin.label]
url = "{url}"
path = "raw/{{id}}_mask.png"
conversion = "threshold_png"
"""


class Toy:
    """Files as upstream serves them (``raw``) and as they must come out (``made``)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.raw: dict[str, bytes] = {}
        self.made: dict[str, bytes] = {}
        rng = np.random.default_rng(1)
        for n, case_id in enumerate("abc"):
            image = png(rng.integers(0, 255, (64, 48, 3), dtype=np.uint8))
            grey = np.zeros((64, 48), np.uint8)
            grey[10 + n, 4:40] = 200
            label = png(np.where(grey > 127, 255, 0).astype(np.uint8))
            self.raw[f"raw/{case_id}.png"] = image
            self.raw[f"raw/{case_id}_mask.png"] = png(grey)
            self.made[f"images/{case_id}.png"] = image
            self.made[f"labels/{case_id}.png"] = label

    def write_mirror(self, folder: Path) -> Path:
        for path, data in self.made.items():
            target = folder / "toy" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return folder

    def write_manifest(self, url: str = "http://127.0.0.1:9") -> str:
        text = MANIFEST.format(url=url)
        for role in ("image", "label"):
            text += f"\n[facts.{role}]\n"
            text += "".join(f"{case_id} = {{ {self.facts(role, case_id)} }}\n" for case_id in "abc")
        (self.root / "manifests").mkdir(exist_ok=True)
        (self.root / "manifests" / "toy.toml").write_text(text)
        return text

    def facts(self, role: str, case_id: str) -> str:
        made = self.made[f"{role}s/{case_id}.png"]
        facts = f'sha256 = "{hashlib.sha256(made).hexdigest()}", bytes = {len(made)}'
        if role == "image":
            return facts
        raw = self.raw[f"raw/{case_id}_mask.png"]
        upstream = f'sha256 = "{hashlib.sha256(raw).hexdigest()}", bytes = {len(raw)}'
        return (
            f'{facts}, content = "{content_digest(made, "x.png")}", upstream = [{{ {upstream} }}]'
        )


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Toy:
    made = Toy(tmp_path)
    made.write_manifest()
    monkeypatch.setenv("TUBEKIT_MANIFESTS", str(tmp_path / "manifests"))
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TUBEKIT_MIRROR", raising=False)
    monkeypatch.delenv("TUBEKIT_OFFLINE", raising=False)
    monkeypatch.setattr("tubekit.data.transfer._silent_since", {})
    return made


class Server(ThreadingHTTPServer):
    """Serves ``files``; ``fault`` says how the next ``times`` answers go wrong."""

    daemon_threads = True
    files: dict[str, bytes]
    fault: str = ""
    times: int = 0
    requests: list[tuple[str, str | None]]

    def handle_error(self, request, client_address):
        """Connections break on purpose here."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.requests.append((self.path, wanted))
        data = self.server.files.get(self.path.lstrip("/"))
        fault = self.server.fault if self.server.times else ""
        self.server.times = max(0, self.server.times - 1)
        if data is None or fault == "404":
            return self._send(404, b"")
        if fault == "503":
            return self._send(503, b"busy")
        if fault == "tamper":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault == "truncate":  # says that the half is all there is
            data = data[: len(data) // 2]
        status = 200
        if wanted and fault != "no range":
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                return self._send(416, b"")
            data, status = data[start:], 206
        self._send(status, data, fault)

    def _send(self, status, data, fault=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        half = len(data) // 2
        self.wfile.write(data[:half])
        self.wfile.flush()
        if fault == "break":
            self.connection.close()
            self.close_connection = True
            return
        if fault in ("slow", "stall"):
            time.sleep(0.1 if fault == "slow" else 1.0)
        try:
            self.wfile.write(data[half:])
        except OSError:
            self.close_connection = True


@pytest.fixture
def server(toy, monkeypatch):
    """A running server of the toy data set's upstream files, and a manifest that names it."""
    from tubekit.data import download as module
    from tubekit.data import transfer

    running = Server(("127.0.0.1", 0), _Handler)
    running.files, running.requests = dict(toy.raw), []
    threading.Thread(
        target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    ).start()
    toy.write_manifest(running.url)
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    monkeypatch.setattr(transfer, "SIDE_BY_SIDE", 1)  # requests come in one order
    monkeypatch.setattr(module, "TIMEOUT_S", 0.4)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield running
    running.shutdown()
    running.server_close()
