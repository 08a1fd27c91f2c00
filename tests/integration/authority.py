"""A timestamp authority of our own: `openssl ts` behind a small HTTP server."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="needs the openssl program (apt)"
)

# The signer's certificate alone goes into the token: with `-chain` openssl orders the set of
# certificates against DER, and the library refuses that.
_CONFIG = """\
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
[signer]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
"""


class TestAuthority:
    """Keys and certificates in a folder; `root` is what a checker pins."""

    __test__ = False

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.root = folder / "root.pem"
        (folder / "config").write_text(_CONFIG.format(folder=folder))
        (folder / "serial").write_text("01\n")
        self._openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={name} root",
            "-keyout",
            "root.key",
            "-out",
            "root.pem",
        )
        self._openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/CN=stamps", "-keyout", "signer.key", "-out", "signer.csr"),
        )
        self._openssl(
            *("x509", "-req", "-in", "signer.csr", "-CA", "root.pem", "-CAkey", "root.key"),
            *("-days", "1", "-extfile", "config", "-extensions", "signer", "-out", "signer.pem"),
        )

    def reply(self, query: bytes) -> bytes:
        """The response to a DER query."""
        (self.folder / "query").write_bytes(query)
        self._openssl("ts", "-reply", "-config", "config", "-queryfile", "query", "-out", "reply")
        return (self.folder / "reply").read_bytes()

    def verify(self, token: bytes, text: bytes) -> bool:
        """Whether openssl itself accepts a token over a text."""
        (self.folder / "token").write_bytes(token)
        (self.folder / "text").write_bytes(text)
        words = ("ts", "-verify", "-in", "token", "-data", "text", "-CAfile", "root.pem")
        return self._run(*words).returncode == 0

    def _openssl(self, *words: str) -> None:
        finished = self._run(*words)
        assert finished.returncode == 0, finished.stderr

    def _run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["openssl", *words], cwd=self.folder, capture_output=True, check=False
        )

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Answer over HTTP; gives the URL."""
        reply = self.reply

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                is_query = self.headers["Content-Type"] == "application/timestamp-query"
                answer = reply(body) if is_query else b""
                self.send_response(200 if is_query else 415)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_address[1]}/tsr"
            finally:
                server.shutdown()
                thread.join()
