"""Whose certificates count, on an address that is not the loopback."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
from pathlib import Path

import pytest
from registry_server import DIGEST, MANIFEST, Server, always

from imglint.analyzer.registry import transport
from imglint.runner import Engine
from imglint.runner.registry import Target, ask

pytestmark = pytest.mark.container


def test_an_authority_of_ones_own(docker28: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On an address that is not the loopback, only a trusted certificate counts."""
    networks = docker28.api.inspect_network("bridge")
    address = networks["IPAM"]["Config"][0]["Gateway"]
    key, certificate = tmp_path / "key", tmp_path / "ca.crt"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=registry",
            "-addext", f"subjectAltName=IP:{address}",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    server = Server(always(200, MANIFEST), address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.encrypt(context)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(transport, "CERTIFICATES", (str(tmp_path / "certs.d"),))
    with contextlib.closing(server):
        target = Target(f"{server.address}/shop", "1.0")
        assert "certificate is not trusted" in ask(docker28, target).problem
        (tmp_path / "certs.d" / server.address).mkdir(parents=True)
        certificate.rename(tmp_path / "certs.d" / server.address / "ca.crt")
        assert ask(docker28, target).digest == DIGEST
