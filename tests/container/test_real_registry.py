"""docker:// against Debian's docker-registry: with a login, and with a certificate of one's own authority."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from image_archives import Saved, docker_legacy
from registry import Registry
from shelf import MANIFEST_TYPE, Shelf

from imglint import InputError, open_image
from imglint.__main__ import main
from imglint.analyzer.registry import transport

pytestmark = pytest.mark.container

SAVED = Saved.of({"a": "first", "b": "x" * 3000}, {"a": "second"}, {"b": None}, tags=("shop:1.0",))


def stand(registry: Registry) -> str:
    """Push the image; its SOURCE."""
    shelf = Shelf()
    shelf.close()
    manifest = shelf.image(SAVED)
    registry.push("team/shop", "1.0", (MANIFEST_TYPE, manifest), shelf.blobs)
    return f"docker://{registry.address}/team/shop:1.0"


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("REGISTRY_AUTH_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def start() -> Iterator[Callable[..., Registry]]:
    started: list[Registry] = []

    def one(login: bool = False, certificate: tuple[Path, Path] | None = None) -> Registry:
        started.append(Registry(login=login, certificate=certificate))
        return started[-1]

    yield one
    for registry in started:
        registry.close()


def login(settings: Path, address: str) -> None:
    entry = {"auth": base64.b64encode(b"me:secret").decode()}
    (settings / "config.json").write_text(json.dumps({"auths": {address: entry}}))


def test_the_numbers_are_those_of_what_was_pushed(
    start: Callable[..., Registry], settings: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    registry = start(login=True)
    source = stand(registry)
    with pytest.raises(InputError, match="it wants a login, and there is none for it"):
        open_image(source)
    login(settings, registry.address)
    (settings / "a.tar").write_bytes(docker_legacy(SAVED))
    archived, found = open_image(str(settings / "a.tar")), open_image(source)
    assert found.id == archived.id
    assert found.live_bytes == archived.live_bytes == len("second")
    assert found.wasted_bytes == archived.wasted_bytes == 3000 + len("first")
    assert [one.diff_id for one in found.layers] == SAVED.diff_ids
    by_digest = f"{source.rpartition(':')[0]}@{registry.digest('team/shop', '1.0')}"
    assert open_image(by_digest).id == archived.id
    assert (
        main(
            ["image", str(settings / "a.tar"), "--against", source, "--max-growth", "0", "--ignore", "DL3002"]
        )
        == 0
    )
    told = capfd.readouterr().out
    assert f"content ±0, live ±0 against {source}" in told
    assert "secret" not in told
    with pytest.raises(InputError, match="team/shop:2: is not there"):
        open_image(f"docker://{registry.address}/team/shop:2")


def test_an_authority_of_ones_own(
    start: Callable[..., Registry], settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = settings / "key", settings / "ca.crt"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=registry",
            "-addext", "subjectAltName=IP:127.0.0.1",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    registry = start(certificate=(certificate, key))
    source = stand(registry)
    # Also on this machine, nobody goes on without encryption where the certificate is not trusted.
    with pytest.raises(InputError, match="its certificate is not trusted") as caught:
        open_image(source)
    assert f"/etc/docker/certs.d/{registry.address}/ca.crt" in caught.value.hint
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        with monkeypatch.context() as patch:
            patch.setenv(name, str(certificate))
            assert open_image(source).content_bytes == 3000 + len("first") + len("second")
    monkeypatch.setattr(transport, "CERTIFICATES", (str(settings / "certs.d"),))
    (settings / "certs.d" / registry.address).mkdir(parents=True)
    certificate.rename(settings / "certs.d" / registry.address / "ca.crt")
    assert open_image(source).content_bytes == 3000 + len("first") + len("second")
