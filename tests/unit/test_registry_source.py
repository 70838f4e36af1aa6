"""docker://: images in registries, good ones and others."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import ssl
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from image_archives import Saved, digest, docker_legacy
from registry_server import Reply
from shelf import INDEX_TYPE, MANIFEST_TYPE, OCI, Shelf, descriptor

from imglint import InputError, open_image
from imglint.__main__ import main
from imglint.analyzer.image import Image
from imglint.analyzer.image import open_images as read_images
from imglint.analyzer.registry import Patience, parse_place, transport
from imglint.analyzer.registry.source import open_repository
from imglint.measuring import open_images
from imglint.runner.login import login_of

SMALL = Saved.of({"a": "first", "b": "x" * 3000}, {"a": "second"}, {"b": None}, tags=())
NOISE = random.Random(7).randbytes(300_000)  # which gzip leaves as long as it is
LARGE = Saved.of({"noise": NOISE}, tags=())
PASSWORD = "correct-horse-battery"


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    found = Shelf()
    yield found
    found.close()


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's settings, without a login at first."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("REGISTRY_AUTH_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


class Read:
    """What is read of a shelf, without waiting, and what would have been waited."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def images(self, shelf: Shelf, name: str = "team/shop:1.0", **options: Any) -> tuple[Image, ...]:
        patience = Patience(100, self.waited.append)
        platform = options.get("platform")
        options.setdefault("preferred", "linux/amd64")
        text = f"{shelf.address}/{name}"
        repository = open_repository(text, login_of, plain_http=True, patience=patience, **options)
        return read_images(repository, platform=platform)

    def fails(self, shelf: Shelf, name: str = "team/shop:1.0", **options: Any) -> str:
        with pytest.raises(InputError) as caught:
            self.images(shelf, name, **options)
        assert caught.value.hint
        return caught.value.problem


@pytest.fixture
def read() -> Read:
    return Read()


def numbers(image: Image) -> object:
    layers = [(one.diff_id, one.content_bytes, one.live_bytes, one.entries) for one in image.layers]
    return image.id, image.content_bytes, image.live_bytes, image.tar_bytes, layers, image.tree


# What is right


def test_the_numbers_are_those_of_the_archive(shelf: Shelf, read: Read, tmp_path: Path) -> None:
    manifest = json.loads(shelf.image(SMALL, "1.0"))
    (tmp_path / "a.tar").write_bytes(docker_legacy(SMALL))
    archived = open_image(str(tmp_path / "a.tar"))
    assert archived.wasted_bytes == 3000 + len("first")
    (found,) = read.images(shelf)
    # Digests of contents are known of what was unpacked alone.
    assert [one.path for one in found.tree.values()] == [one.path for one in archived.tree.values()]
    assert numbers(found)[:5] == numbers(archived)[:5]  # type: ignore[index]
    assert found.compressed_bytes == sum(layer["size"] for layer in manifest["layers"])
    assert found.tags == (f"{shelf.address}/team/shop:1.0",)


def test_each_part_is_fetched_once(shelf: Shelf, read: Read) -> None:
    twice = Saved((*SMALL.layers, SMALL.layers[0]), history=None)
    shelf.image(twice, "1.0")
    read.images(shelf)
    assert len(shelf.paths) == len(set(shelf.paths)) == 1 + 1 + 3


def test_a_digest_goes_before_a_tag(shelf: Shelf, read: Read) -> None:
    wanted = digest(shelf.image(SMALL))
    shelf.image(LARGE, "1.0")
    for name in (f"team/shop@{wanted}", f"team/shop:1.0@{wanted}"):
        (image,) = read.images(shelf, name)
        assert (image.id, image.tags) == (digest(SMALL.raw), ())


def of_platform(architecture: str, text: str) -> Saved:
    return Saved.of({"a": text}, tags=(), top={"architecture": architecture})


def several(shelf: Shelf) -> dict[str, Any]:
    """An index of two platforms, one of them in an index inside, and an attestation."""
    arm, amd = of_platform("arm64", "arm"), of_platform("amd64", "amd")
    listed = [
        descriptor(shelf.image(one), MANIFEST_TYPE, platform={"os": "linux", "architecture": name})
        for name, one in (("arm64", arm), ("amd64", amd))
    ]
    inner = shelf.index(listed[0])
    attested = descriptor(b"{}", MANIFEST_TYPE, platform={"os": "unknown", "architecture": "unknown"})
    shelf.index(descriptor(inner, INDEX_TYPE), listed[1], attested, names=("1.0",))
    return {"arm64": arm, "amd64": amd}


@pytest.mark.parametrize(
    ("options", "architecture"),
    [({}, "amd64"), ({"platform": "linux/arm64"}, "arm64"), ({"platform": "arm64"}, "arm64")],
)
def test_one_platform_of_several(shelf: Shelf, read: Read, options: Any, architecture: str) -> None:
    saved = several(shelf)
    (image,) = read.images(shelf, **options)
    assert image.id == digest(saved[architecture].raw)
    # Of the other one, only its manifest is known to the indexes, and nothing is fetched.
    (other,) = saved.keys() - {architecture}
    assert f"/v2/team/shop/blobs/{digest(saved[other].raw)}" not in shelf.paths


def test_a_platform_that_is_not_there(shelf: Shelf, read: Read) -> None:
    several(shelf)
    assert read.fails(shelf, platform="s390x") == "holds no image for s390x"
    assert read.fails(shelf, preferred="linux/riscv64") == "holds no image for linux/riscv64"


def test_a_platform_without_end_is_cut(shelf: Shelf, read: Read) -> None:
    listed = [
        descriptor(b"{}", MANIFEST_TYPE, platform={"os": "linux", "architecture": str(at) + "x" * 100_000})
        for at in range(20)
    ]
    shelf.index(*listed, names=("1.0",))
    with pytest.raises(InputError) as caught:
        read.images(shelf)
    assert caught.value.problem == "holds no image for linux/amd64"
    assert len(caught.value.hint) < 700


def test_the_only_one_is_taken(shelf: Shelf, read: Read) -> None:
    one = descriptor(
        shelf.image(of_platform("arm64", "")),
        MANIFEST_TYPE,
        platform={"os": "linux", "architecture": "arm64"},
    )
    shelf.index(one, names=("1.0",))
    (image,) = read.images(shelf)
    assert image.platform == "linux/arm64"


# What is there and is no image


def kinds(shelf: Shelf, config: str, *layers: str) -> None:
    document = {
        "schemaVersion": 2,
        "config": descriptor(SMALL.raw, config),
        "layers": [descriptor(b"{}", one) for one in layers],
    }
    shelf.put(document, MANIFEST_TYPE, "1.0")


@pytest.mark.parametrize(
    ("config", "layers", "problem"),
    [
        ("application/vnd.example.chart", (), "is an artifact (application/vnd.example.chart), and no image"),
        (f"{OCI}.config.v1+json", ("application/vnd.in-toto+json",),
         "is an attestation: its layer 0 is application/vnd.in-toto+json"),
        (f"{OCI}.config.v1+json", ("application/x-signature",), "is no image: its layer 0 is application/x-signature"),
        (f"{OCI}.config.v1+json", (f"{OCI}.layer.v1.tar+encrypted",) * 3, "layer 0 is encrypted"),
    ],
)  # fmt: skip
def test_no_images(shelf: Shelf, read: Read, config: str, layers: tuple[str, ...], problem: str) -> None:
    kinds(shelf, config, *layers)
    shelf.blobs[digest(SMALL.raw)] = SMALL.raw
    assert read.fails(shelf) == problem


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"schemaVersion": 1, "fsLayers": []}, "is of schema 1, which Docker has left with 1.10"),
        ({"schemaVersion": 2, "manifests": []}, "holds no image"),
        ({"schemaVersion": 2, "manifests": 7}, "has an index that is nested too deeply, too long, or none"),
        ({"schemaVersion": 2, "manifests": [7]}, "names a part without a digest that can be checked"),
        ({"schemaVersion": 2, "manifests": [{"digest": "sha256:../../x", "size": 1}]},
         "names a part without a digest that can be checked"),
        ({"schemaVersion": 2, "manifests": [{"digest": f"sha256:{'a' * 64}", "size": True}]},
         f"states no size of sha256:{'a' * 64}"),
        ({"schemaVersion": 2, "manifests": [{"digest": f"sha256:{'a' * 64}", "size": 10**4000}]},
         f"states no size of sha256:{'a' * 64}"),
        ({"schemaVersion": 2, "manifests": [{"digest": f"sha256:{'a' * 64}", "size": 3}]},
         f"lists sha256:{'a' * 64}, which is not there"),
        ({"schemaVersion": 2, "manifests": [], "layers": []}, "is a manifest of two kinds at once, which is refused"),
        ({"schemaVersion": 2, "mediaType": INDEX_TYPE, "layers": []},
         "is a manifest of two kinds at once, which is refused"),
        ({"schemaVersion": 2, "config": "x", "layers": []}, "is no image: its manifest names no configuration"),
        ({}, f"is no image: what the registry sends is no manifest ({MANIFEST_TYPE})"),
    ],
)  # fmt: skip
def test_manifests_that_are_none(shelf: Shelf, read: Read, document: Any, problem: str) -> None:
    shelf.put(document, MANIFEST_TYPE, "1.0")
    assert read.fails(shelf) == problem


def test_another_type_than_is_told(shelf: Shelf, read: Read) -> None:
    raw = shelf.image(SMALL, "1.0")
    shelf.manifests["1.0"] = INDEX_TYPE, raw
    assert read.fails(shelf) == "is a manifest of two kinds at once, which is refused"


def test_an_index_without_end(shelf: Shelf, read: Read) -> None:
    raw = shelf.index()
    for _ in range(12):
        raw = shelf.index(descriptor(raw, INDEX_TYPE), names=("1.0",))
    assert read.fails(shelf) == "has an index that is nested too deeply, too long, or none"


def test_more_than_there_is_room_for(shelf: Shelf, read: Read) -> None:
    document = json.loads(shelf.image(SMALL))
    document["layers"][0]["size"] = 10**18
    shelf.put(document, MANIFEST_TYPE, "1.0")
    assert read.fails(shelf).startswith("its layers take 1000000.0 TB, and ")


# Registries that fail or lie


def blob(path: str) -> bool:
    return "/blobs/" in path


def test_what_is_broken_off_is_gone_on_with(shelf: Shelf, read: Read) -> None:
    shelf.image(LARGE, "1.0")
    ranges = []

    def cut(path: str, headers: Mapping[str, str]) -> Reply | None:
        status, told, body = shelf.answer(path, headers)
        if not blob(path) or len(body) < 100_000:
            return None
        ranges.append(headers.get("Range"))
        return status, {**told, "Content-Length": str(len(body))}, body[:100_000]

    shelf.meddle = cut
    (image,) = read.images(shelf)
    assert image.content_bytes == len(NOISE)
    assert ranges == [None, "bytes=100000-", "bytes=200000-"]
    assert read.waited == [1.0] * 3


def test_a_registry_that_knows_no_parts(shelf: Shelf, read: Read) -> None:
    shelf.image(LARGE, "1.0")
    seen = []

    def cut(path: str, headers: Mapping[str, str]) -> Reply | None:
        status, told, body = shelf.answer(path, {})
        if not blob(path) or len(body) < 100_000:
            return None
        seen.append(path)
        end = 100_000 if len(seen) == 1 else None
        return status, {**told, "Content-Length": str(len(body))}, body[:end]

    shelf.meddle = cut
    (image,) = read.images(shelf)
    assert (image.content_bytes, len(seen)) == (len(NOISE), 2)


def test_a_registry_that_falls_silent(shelf: Shelf, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when no answer comes in time: the rest is asked for once more."""
    shelf.image(LARGE, "1.0")
    whole = transport.Answer.chunks
    silent: list[str] = []

    def chunks(answer: transport.Answer) -> Iterator[bytes]:
        got = b"".join(whole(answer))
        if blob(answer.url) and len(got) > 200_000 and not silent:
            silent.append(answer.url)
            yield got[:200_000]
            raise transport.Stalled("no answer in time")
        yield got

    monkeypatch.setattr(transport.Answer, "chunks", chunks)
    (image,) = read.images(shelf)
    assert (image.content_bytes, len(silent), read.waited) == (len(NOISE), 1, [1.0])


def swapped(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s, t, b: (s, t, swapped(b)), "what it sends has the digest "),
        (lambda s, t, b: (s, t, b[:-1]), " are stated"),
        (lambda s, t, b: (s, t, b + b"x"), " are stated"),
        (lambda s, t, b: (s, {**t, "Content-Length": str(len(b))}, b[:10]), "it breaks off after 40 of "),
        (lambda s, t, b: (206, {"Content-Range": f"bytes 5-{len(b)}/9"}, b), "it sends another part"),
        (lambda s, t, b: (404, {}, b"{}"), "it answers with status 404"),
        (lambda s, t, b: (403, {}, b"{}"), "it wants a login, or refuses the one that there is"),
        (lambda s, t, b: (307, {"Location": "/v2/again"}, b""), "it answers with status 404"),
    ],
    ids=["corrupt", "short", "long", "cut", "part", "gone", "closed", "elsewhere"],
)
def test_blobs_that_are_not_what_they_should_be(shelf: Shelf, read: Read, change: Any, problem: str) -> None:
    shelf.image(SMALL, "1.0")
    shelf.meddle = lambda path, headers: change(*shelf.answer(path, headers)) if blob(path) else None
    assert problem in read.fails(shelf)


def test_a_body_without_end(shelf: Shelf, read: Read) -> None:
    """Without a length, what comes is counted."""
    shelf.image(SMALL, "1.0")

    def endless(path: str, headers: Mapping[str, str]) -> Reply | None:
        if not blob(path):
            return None
        pieces = b"40000\r\n" + bytes(0x40000) + b"\r\n"
        return 200, {"Content-Length": "", "Transfer-Encoding": "chunked"}, pieces * 20

    shelf.meddle = endless
    assert "it sends more than the " in read.fails(shelf)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ((200, {}, bytes(5 * 2**20)), "its answer is longer than a manifest may be"),
        ((200, {"Content-Length": str(10**15)}, b"{}"), "its answer is longer than a manifest may be"),
        ((200, {"Content-Length": "9"}, b"{}"), "it breaks off after 2 of 9 bytes"),
        (
            (200, {"Docker-Content-Digest": f"sha256:{'a' * 64}"}, b"{}"),
            f"it tells the digest sha256:{'a' * 64}",
        ),
        ((200, {f"X-{n}": "x" for n in range(500)}, b"{}"), "its answer is not what HTTP allows"),
        ((200, {"X": "x" * 100_000}, b"{}"), "its answer is not what HTTP allows"),
        ((404, {}, b"<html>"), "it answers with status 404, and not as a registry"),
        ((200, {"Content-Length": "\xb2"}, b"{}"), "is no image"),
        ((429, {"Retry-After": "\xb2"}, b"{}"), "it answers with status 429"),
        ((307, {"Location": "http://["}, b""), "its answer is not what HTTP allows"),
        ((307, {"Location": "http://\xb2:x/"}, b""), "the registry can't be read"),
        ((401, {"WWW-Authenticate": 'Bearer realm="http://["'}, b""), "for a token to what is no URL"),
        ((307, {"Location": "/v2/team/shop/manifests/1.0"}, b""), "it sends on and on"),
        ((307, {"Location": "ftp://127.0.0.1/x"}, b""), "it sends on to ftp://127.0.0.1"),
        ((200, {"Content-Type": "text/html"}, b"<html>hello"), "sends is no manifest (text/html)"),
    ],
    ids=[
        "huge",
        "said to be huge",
        "cut",
        "digest",
        "many headers",
        "long header",
        "404",
        "length",
        "wait",
        "no URL",
        "no host",
        "realm",
        "loop",
        "ftp",
        "html",
    ],
)
def test_answers_that_no_registry_gives(shelf: Shelf, read: Read, reply: Reply, problem: str) -> None:
    shelf.meddle = lambda path, headers: reply
    assert problem in read.fails(shelf)


def test_a_manifest_of_another_digest(shelf: Shelf, read: Read) -> None:
    raw = shelf.image(SMALL, "1.0")
    shelf.meddle = lambda path, headers: (200, {"Content-Type": MANIFEST_TYPE}, raw + b" ")
    assert "it answers with a manifest whose digest is" in read.fails(shelf, f"team/shop@{digest(raw)}")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_registry_is_waited_for(shelf: Shelf, read: Read, status: int) -> None:
    shelf.image(SMALL, "1.0")
    asked: list[str] = []

    def busy(path: str, headers: Mapping[str, str]) -> Reply | None:
        asked.append(path)
        return (status, {"Retry-After": "3"}, b"") if asked.count(path) == 1 else None

    shelf.meddle = busy
    (image,) = read.images(shelf)
    assert image.id == digest(SMALL.raw)
    assert read.waited == [3.0] * 5


@pytest.mark.parametrize(
    ("told", "waited"),
    [({}, [1.0, 2.0, 4.0]), ({"Retry-After": "60"}, [60.0]), ({"Retry-After": "3600"}, []),
     ({"Retry-After": formatdate(0)}, [0.0] * 3), ({"Retry-After": "soon"}, [1.0, 2.0, 4.0])],
)  # fmt: skip
def test_nobody_is_waited_for_forever(
    shelf: Shelf, read: Read, told: dict[str, str], waited: list[float]
) -> None:
    shelf.meddle = lambda path, headers: (429, told, b"")
    assert read.fails(shelf) == "the registry can't be read: it answers with status 429"
    assert read.waited == waited


# Logins


def login(path: Path, *addresses: str) -> None:
    entry = {"auth": base64.b64encode(f"me:{PASSWORD}".encode()).decode()}
    path.write_text(json.dumps({"auths": dict.fromkeys(addresses, entry)}))


SECRETS = (PASSWORD, base64.b64encode(f"me:{PASSWORD}".encode()).decode(), "t0ken-of-the-desk")


class Desk:
    """A registry that wants a token, or name and password, and the server that gives tokens."""

    def __init__(self, shelf: Shelf, kind: str) -> None:
        self.desk = Shelf(self._give)
        self.kind = kind
        self.shelf = shelf
        shelf.meddle = self._ask

    def _give(self, path: str, headers: Mapping[str, str]) -> Reply:
        known = headers.get("Authorization") == f"Basic {SECRETS[1]}"
        return (200, {}, json.dumps({"token": SECRETS[2]}).encode()) if known else (401, {}, b"{}")

    def _ask(self, path: str, headers: Mapping[str, str]) -> Reply | None:
        told = headers.get("Authorization")
        if self.kind == "bearer":
            challenge = f'Bearer realm="http://{self.desk.address}/token",service="here"'
            return None if told == f"Bearer {SECRETS[2]}" else (401, {"WWW-Authenticate": challenge}, b"{}")
        right = f"Basic {SECRETS[1]}"
        return None if told == right else (401, {"WWW-Authenticate": 'Basic realm="here"'}, b"{}")


@pytest.fixture(params=["basic", "bearer"])
def desk(shelf: Shelf, request: pytest.FixtureRequest) -> Iterator[Desk]:
    shelf.image(SMALL, "1.0")
    found = Desk(shelf, request.param)
    yield found
    found.desk.close()


def test_logins(
    desk: Desk, shelf: Shelf, read: Read, settings: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "it wants a login" in read.fails(shelf)
    login(settings / "config.json", shelf.address)
    assert len(read.images(shelf)) == 1
    (settings / "config.json").unlink()
    login(tmp_path / "auth.json", "other.example:443", shelf.address)
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    assert len(read.images(shelf)) == 1
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "none.json"))
    assert "REGISTRY_AUTH_FILE names no file" in read.fails(shelf)


def test_a_login_of_another_host_is_not_told(desk: Desk, shelf: Shelf, read: Read, settings: Path) -> None:
    login(settings / "config.json", "127.0.0.1:1", desk.desk.address)
    assert "it wants a login" in read.fails(shelf)
    seen = [*shelf.server.seen, *desk.desk.server.seen]
    assert not [headers for _, headers in seen if "Authorization" in headers]


def test_logins_are_not_taken_along(desk: Desk, shelf: Shelf, read: Read, settings: Path) -> None:
    """Blobs lie on another host, as with many registries; which asks for a login of its own, and gets none."""
    login(settings / "config.json", shelf.address)
    elsewhere = Shelf()
    elsewhere.blobs = shelf.blobs
    ask = shelf.meddle

    def send_on(path: str, headers: Mapping[str, str]) -> Reply | None:
        asked = ask(path, headers)
        if asked is None and blob(path):
            return 307, {"Location": f"http://{elsewhere.address}{path}"}, b""
        return asked

    shelf.meddle = send_on
    try:
        assert len(read.images(shelf)) == 1
        told = {"WWW-Authenticate": f'Bearer realm="http://{elsewhere.address}/token"'}
        elsewhere.meddle = lambda path, headers: (401, told, b"{}")
        assert "it wants a login, or refuses" in read.fails(shelf)
        assert len(elsewhere.paths) == 4 + 1
        assert not [headers for _, headers in elsewhere.server.seen if "Authorization" in headers]
    finally:
        elsewhere.close()


def test_no_login_is_told_to_a_host_that_others_can_listen_to(
    shelf: Shelf, read: Read, settings: Path
) -> None:
    challenge = {"WWW-Authenticate": 'Bearer realm="http://192.0.2.1/token"'}
    shelf.meddle = lambda path, headers: (401, challenge, b"{}")
    login(settings / "config.json", shelf.address)
    assert "a login, which is not sent to 192.0.2.1 unencrypted" in read.fails(shelf)


def test_credentials_are_never_printed(
    desk: Desk, shelf: Shelf, settings: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    login(settings / "config.json", shelf.address)
    source = f"docker://{shelf.address}/team/shop:1.0"
    for arguments in (
        ["image", source], ["image", source, "--format", "json"], ["history", source], ["diff", source, source],
        ["image", source.replace("1.0", "2.0")], ["image", source, "--graph", str(tmp_path / "g.json")],
        ["image", f"docker://me:{PASSWORD}@{shelf.address}/team/shop"],
    ):  # fmt: skip
        main(arguments)
        out, err = capfd.readouterr()
        assert out + err
        assert not [secret for secret in SECRETS if secret in out + err], arguments
    assert not [secret for secret in SECRETS if secret in (tmp_path / "g.json").read_text()]
    # It was told, and so could have been printed.
    assert f"Basic {SECRETS[1]}" in [headers.get("Authorization") for _, headers in (
        desk.desk if desk.kind == "bearer" else shelf).server.seen]  # fmt: skip


def test_what_a_credential_helper_says_is_not_repeated(
    shelf: Shelf, read: Read, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.meddle = lambda path, headers: (401, {"WWW-Authenticate": "Basic"}, b"{}")
    helper = settings / "docker-credential-try"
    helper.write_text(f"#!/bin/sh\necho {PASSWORD}; exit 1\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{settings}:{os.environ['PATH']}")
    (settings / "config.json").write_text('{"credsStore": "try"}')
    problem = "its login can't be read: its credential helper docker-credential-try fails"
    assert read.fails(shelf).endswith(problem)


def test_a_credential_helper_that_is_not_there(shelf: Shelf, read: Read, settings: Path) -> None:
    shelf.meddle = lambda path, headers: (401, {"WWW-Authenticate": "Basic"}, b"{}")
    (settings / "config.json").write_text('{"credsStore": "nohelper"}')
    with warnings.catch_warnings(record=True) as warned, pytest.raises(InputError) as caught:
        warnings.simplefilter("always")
        read.images(shelf)
    assert not [one for one in warned if "docker-credential" in str(one.message)]
    assert "docker-credential-nohelper" in caught.value.problem
    assert "install that helper" in caught.value.hint


def test_a_token_that_is_none(shelf: Shelf, read: Read) -> None:
    """What can't stand in a header is not sent, and not told either."""
    body = json.dumps({"token": f"{PASSWORD}\n"}).encode()
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{shelf.address}/token"'}
    shelf.meddle = lambda path, headers: (200, {}, body) if "/token" in path else (401, challenge, b"{}")
    assert (
        read.fails(shelf) == "the registry can't be read: it wants a login, or refuses the one that there is"
    )


# Names


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.example/shop", ("a.example", "shop", "latest", None)),
        ("localhost/shop:1", ("localhost", "shop", "1", None)),
        ("A.Example:5000/team/shop_x/y--z:v1.0_RC", ("a.example:5000", "team/shop_x/y--z", "v1.0_RC", None)),
        ("[::1]:5000/shop", ("[::1]:5000", "shop", "latest", None)),
        (f"a.example/shop:1@sha256:{'a' * 64}", ("a.example", "shop", "1", f"sha256:{'a' * 64}")),
        ("docker.io/alpine", ("docker.io", "library/alpine", "latest", None)),
        ("index.docker.io/team/shop", ("docker.io", "team/shop", "latest", None)),
    ],
)
def test_names(text: str, parts: tuple[str, ...]) -> None:
    assert tuple(parse_place(text)) == parts


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("alpine", "names no registry"), ("library/alpine:3", "names no registry"), ("", "names no registry"),
        ("a.example/", "'' is no name of an image"),
        ("a.example/Shop", "'Shop' is no name of an image (they have no capitals)"),
        ("a.example/../x", "'../x' is no name of an image"),
        ("a.example/shop?x=1", "'shop?x=1' is no name of an image"),
        ("a.example/shop:", "'' is no tag"), ("a.example/shop:-x", "'-x' is no tag"),
        ("a.example/shop:1/../2", "'1/../2' is no tag"), (f"a.example/shop:{'x' * 129}", f"'{'x' * 129}' is no tag"),
        (f"a.example/{'x' * 256}", f"'{'x' * 256}' is no name of an image"),
        ("a.example/shop@sha256:abc", "'sha256:abc' is no digest"), ("a.example/shop@", "'' is no digest"),
        (f"a.example/shop@md5:{'a' * 32}", f"'md5:{'a' * 32}' is no digest"),
        ("a.example:99999/shop", "'a.example:99999' is no name of a host"),
        ("-a.example/shop", "'-a.example' is no name of a host"), ("a..b/shop", "'a..b' is no name of a host"),
        ("a.example\n/shop", "'a.example\\n' is no name of a host"), ("me:pw@a.example/shop", "names a login, or no image"),
        ("me:pw/pw@a.example/shop", "names a login, or no image"), ("me:12/pw@a.example", "names a login, or no image"),
        ("me:pw/pw@localhost:5000", "names a login, or no image"),
    ],
)  # fmt: skip
def test_names_that_are_none(text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_place(text)
    assert caught.value.problem == problem
    assert "pw" not in str(caught.value)


def test_what_is_not_there(shelf: Shelf, read: Read) -> None:
    assert read.fails(shelf) == "is not there"


def test_plain_http_is_only_for_this_machine(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the loopback, plain HTTP is taken where nobody speaks TLS; elsewhere it has to be asked for."""
    shelf.image(SMALL, "1.0")
    source = f"docker://{shelf.address}/team/shop:1.0"
    assert [image.id for image in open_images(source)] == [digest(SMALL.raw)]
    from imglint.analyzer.registry import source as module

    monkeypatch.setattr(module, "is_loopback", lambda host: False)
    shelf.server.seen.clear()
    with pytest.raises(InputError, match="the registry can't be read") as caught:
        open_images(source)
    assert "--plain-http" in caught.value.hint
    assert shelf.paths == []
    assert len(open_images(source, plain_http=True)) == 1


# No network


GUARD = """
import sys
def guard(event, arguments):
    # Sockets of names in the file system, as the engine's, are no network.
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto") or (
        event == "socket.connect" and not isinstance(arguments[1], (str, bytes))
    ):
        sys.stderr.write(f"network: {arguments[-1]}\\n")
        raise OSError("no network here")
sys.addaudithook(guard)
from imglint.__main__ import main
for arguments in sys.argv[1:]:
    main(arguments.split())
"""


def test_only_what_names_a_registry_touches_the_network(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(docker_legacy(SMALL))
    (tmp_path / "Dockerfile").write_text('FROM registry.example/base:1\nCOPY a /\nCMD ["/a"]\n')

    def run(*commands: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", GUARD, *commands], cwd=tmp_path, capture_output=True, text=True, check=True,
            env={**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"},
        )  # fmt: skip
        return done.stderr

    commands = ["Dockerfile", "image a.tar --secrets", "history a.tar", "diff a.tar a.tar", "audit Dockerfile --image a.tar",
                "image a.tar --against a.tar --graph g.json", "image registry.example/shop:1"]  # fmt: skip
    assert "network:" not in run(*commands)
    assert "network: " in run("image docker://registry.example/shop:1")


def test_the_context_that_is_used_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    context = transport._trust("registry.example", True)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/none.pem")
    with pytest.raises(
        transport.RegistryError, match=r"REQUESTS_CA_BUNDLE names no certificates: /none\.pem"
    ):
        transport._trust("registry.example", True)


def test_a_digest_of_another_algorithm(shelf: Shelf, read: Read) -> None:
    raw = shelf.image(SMALL)
    name = f"sha512:{hashlib.sha512(raw).hexdigest()}"
    shelf.manifests[name] = MANIFEST_TYPE, raw
    shelf.meddle = lambda path, headers: (200, {}, raw) if name in path else None
    assert len(read.images(shelf, f"team/shop@{name}")) == 1
    shelf.meddle = lambda path, headers: (200, {}, raw + b" ") if name in path else None
    assert "it answers with a manifest whose digest is sha512:" in read.fails(shelf, f"team/shop@{name}")


def test_a_login_in_a_url_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    for source in ("https://me:pw/pw@a.example/shop.tar", "docker://me:pw/pw@a.example/shop"):
        assert main(["image", source]) == 2
        assert "pw" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "reply",
    [
        (200, {"Transfer-Encoding": "chunked"}, b"ffff\r\n{"),
        (200, {"X": "x" * 100_000}, b"{}"),
        (307, {"Location": f"http://{'x' * 70}.\xfc/"}, b""),
    ],
    ids=["cut chunk", "long header", "no host"],
)
def test_garbled_answers_are_told_in_words(shelf: Shelf, read: Read, reply: Reply) -> None:
    shelf.meddle = lambda path, headers: reply
    with pytest.raises(InputError) as caught:
        read.images(shelf)
    told = f"{caught.value.problem} {caught.value.hint}"
    assert not [
        word for word in ("IncompleteRead", "codec", "Error", "http.client", "--plain-http") if word in told
    ], told


@pytest.mark.parametrize(
    "reply",
    [
        (200, {"Content-Type": f"text/{'x' * 60_000}"}, b"<html>"),
        (401, {"WWW-Authenticate": f'Bearer realm="http://127.0.0.1:1/{"x" * 60_000}"'}, b""),
        (307, {"Location": f"ftp://{'x' * 60_000}/"}, b""),
        (200, {"Docker-Content-Digest": f"sha256:{'x' * 60_000}"}, b"{}"),
    ],
    ids=["type", "realm", "redirect", "digest"],
)
def test_headers_without_end_are_cut(shelf: Shelf, read: Read, reply: Reply) -> None:
    shelf.meddle = lambda path, headers: reply
    assert len(read.fails(shelf)) < 700
