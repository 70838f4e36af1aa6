"""Tokens in files: each shape and what only looks like it, wherever it stands in whatever file.

The values are put together here, so that scanners of this repository find none.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import seeded_credentials
import zstandard
from image_archives import (
    Compression,
    LayerFiles,
    Saved,
    docker_layout,
    docker_legacy,
    hardlink,
    layer_tar,
    step,
    symlink,
)
from seeded_credentials import Dice, putty, with_crc

from imglint import Report, audit
from imglint.__main__ import main
from imglint.analyzer import InputError, tokens
from imglint.analyzer.credentials import mask, mask_shapes
from imglint.analyzer.image import open_images
from imglint.analyzer.image.scan import ContentScan
from imglint.analyzer.tokens import find_tokens, marks
from imglint.rules.judge import judge_image
from imglint.rules.matrix import Cell
from imglint.rules.registry import load, select

R = "q7Zt2Kx9LmB4vRn8WcY3pHs6JdF1gTa5UeQ0yNiXoEwPbDkMzGhVrSfLuCjA2t9q7Zt2Kx9LmB4vRn8WcY3pHs6"
AWS = "AKIA" + "QZ3XK7PLMN4RTUVW"
GITHUB = with_crc("ghp_", Dice(3))
STRIPE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
URL = "postgres://app:s3cr3t" + "pass@db.internal:5432/shop"
KEY = "-----BEGIN PRIVATE " + "KEY-----\n" + R + "\n"
# What of the seeded kinds is told by the name of a wider one.
KINDS = {
    "AWS temporary key ID": "AWS access key ID", "GitHub OAuth token": "GitHub token", "GitHub server token": "GitHub token",
    "GitHub fine-grained token": "GitHub token", "GitLab runner token": "GitLab token",
    "GitLab trigger token": "GitLab token",
    "Slack bot token": "Slack token", "Slack user token": "Slack token", "Slack app token": "Slack token",
    "Stripe live key": "Stripe key", "Stripe restricted key": "Stripe key", "Stripe test key": "Stripe key",
    "Shopify secret": "Shopify token", "Vault service token": "Vault token", "Vault batch token": "Vault token",
}  # fmt: skip
FOUND = {
    AWS: "AWS access key ID",
    "ASIA" + "QZ3XK7PLMN4RTUVW": "AWS access key ID",
    "aws_secret_access_key = " + R[:40]: "AWS secret key",
    'AWS_SECRET_ACCESS_KEY="' + R[1:41] + '"': "AWS secret key",
    '"SecretAccessKey": "' + R[2:42] + '",': "AWS secret key",
    GITHUB: "GitHub token",
    "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a": "GitHub token",
    **{f"gh{kind}_" + R[:36]: "GitHub token" for kind in "ousr"},
    "github_pat_" + R[:22] + "_" + R[:59]: "GitHub token",
    "glpat-" + R[:20]: "GitLab token",
    "glpat-" + R[:27] + ".01.0z1b2c3d4": "GitLab token",
    "glrt-" + "t1_" + R[:20]: "GitLab token",
    "gldt-" + R[:20]: "GitLab token",
    "xoxb-" + "123456789012-1234567890123-" + R[:24]: "Slack token",
    "xoxp-" + "12345678901-12345678901-1234567890123-" + "0f1e2d3c4b5a69780f1e2d3c4b5a6978": "Slack token",
    "xapp-" + "1-A0123456789-1234567890123-" + "0f1e2d3c4b5a6978" * 4: "Slack token",
    "https://hooks.slack.com/" + "services/T0123ABCD/B0123ABCD/" + R[:24]: "Slack webhook",
    STRIPE: "Stripe key",
    "rk_live_" + R[:24]: "Stripe key",
    "AIza" + "SyA" + R[:32]: "Google API key",
    "npm_" + R[:36]: "npm token",
    "pypi-" + "AgEIcHlwaS5vcmc" + R: "PyPI token",
    "dckr_pat_" + R[:10] + "-_" + R[:15]: "Docker Hub token",
    "dop_v1_" + "0f1e2d3c4b5a6978" * 4: "DigitalOcean token",
    "hf_" + R[:34]: "Hugging Face token",
    "SG." + R[:22] + "." + R[:43]: "SendGrid key",
    "sk-ant-" + "api03-" + R + "-AA": "Anthropic key",
    "sk-proj-" + R[:40] + "T3BlbkFJ" + R[:40]: "OpenAI key",
    "sk-" + R[:20] + "T3BlbkFJ" + R[:20]: "OpenAI key",
    URL: "password in a URL",
    "https://:" + R[:12] + "@git.internal/x.git": "password in a URL",
    "mysql://root:" + R[:12] + "@mysql/shop": "password in a URL",
    "https://user:" + R[:12] + "@db.internal/shop": "password in a URL",
    KEY: "private key",
    putty(Dice(4)): "private key",
    '"-----BEGIN RSA PRIVATE ' + "KEY-----\\n" + R + '\\n"': "private key",
    "-----BEGIN RSA PRIVATE "
    + "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,0\n\n"
    + R: "encrypted private key",
    "sk_test_" + R[:24]: "Stripe key",
    "GR1348941" + R[:20]: "GitLab token",
    "xoxe.xoxb-1-" + R + R: "Slack token",
    "ya29." + R: "Google OAuth token",
    "SharedAccessKey=" + R[:43] + "=": "Azure shared access key",
    "sk-or-v1-" + "0f1e2d3c4b5a6978" * 4: "OpenRouter key",
    "xai-" + R[:80]: "xAI key",
    "pplx-" + R[:48]: "Perplexity key",
    "glc_" + "eyJ" + R[:70]: "Grafana token",
    "ATBB" + R[:24] + "0F1E2D3C": "Bitbucket token",
    "sntrys_" + "eyJ" + R: "Sentry token",
    "cio" + R[:32]: "crates.io token",
    "ntn_" + R[:46]: "Notion token",
    "figd_" + R[:40]: "Figma token",
    "fo1_" + R[:43]: "Fly.io token",
    "fm2_" + R + R: "Fly.io token",
    "HRKU-AA" + R[:58]: "Heroku key",
    "sbp_" + "0f1e2d3c4b5a69788796" * 2: "Supabase token",
    "nfp_" + R[:40]: "Netlify token",
    "bkua_" + "0f1e2d3c4b5a69788796" * 2: "Buildkite token",
    "CCIPAT_" + R[:22] + "_" + "0f1e2d3c4b5a69788796" * 2: "CircleCI token",
    "squ_" + "0f1e2d3c4b5a69788796" * 2: "SonarQube token",
    "AKCp" + R[:69]: "Artifactory key",
    "https://discord.com/api/" + "webhooks/123456789012345678/" + R[:68]: "Discord webhook",
    **{
        make(Dice(at)): KINDS.get(kind, kind)
        for at, (kind, make) in enumerate(seeded_credentials.TOKENS.items())
    },
}
# Further marks of kinds that have an example.
RARE_MARKS = {
    mark.encode()
    for mark in "ABIA ACCA gloas- glsoat- glcbt- glagent- glimt- glft- glffct- glrtr- xoxa- xoxo- xoxr- xoxs- xoxe-1-"
    " xoxe.xoxp-1-"
    " rk_test_ dckr_oat_ doo_v1_ dor_v1_ api_org_ shpca_ shppa_ sq0csp- hvr. dt0s01. dt0s16. dp.st. dp.ct. dp.sa. dp.scim."
    " dp.audit. pscale_pw_ pscale_oauth_ lin_oauth_ tskey-api- tskey-client- sqp_ sqa_ MT Mj Mz ND NT Nj Nz OD OT"
    " discordapp.com/api/webhooks/".split()
}
LEFT_ALONE = [
    "AKIAIOSFODNN7EXAMPLE",
    "AKIAI44QH8DHBEXAMPLE",
    "AKIA" + "X" * 16,
    "AKIA" + "1234567890123456",  # has digits that its alphabet has not
    "XAKIA" + "QZ3XK7PLMN4RTUVW",
    AWS + "A",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "ghp_" + "x" * 36,
    "ghp_" + R[:35],
    "xghp_" + R[:36],
    "glpat-short",
    "glpat-" + "x" * 20,
    "xoxb-your-token-goes-here-and-nowhere-else",
    "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc",  # stands in Stripe's documentation
    "pk_live_" + R[:24],
    "npm_config_" + "registry_of_the_house_and_all_its_rooms",
    "hf_hub_download_" + "a" * 34,
    "disk-" + R[:48],
    "task-" + "0f1e2d3c4b5a6978" * 4,
    "eyJ" + R[:20] + ".eyJ" + R[:30] + "." + R[:40],  # its header does not decode
    "-----BEGIN PRIVATE " + "KEY-----\n",
    'HEAD = "-----BEGIN PRIVATE ' + 'KEY-----"\nsome = "more"\n',
    "-----BEGIN CERTIFICATE-----\n" + R,
    "https://user:password@db.internal/",
    "https://user:" + "pass%20pass@complex.url.com/",
    "https://me:secret@db.internal/",
    "postgres://postgres:postgres@db.internal/",
    "https://user:$PASSWORD@db.internal/ https://user:${PASSWORD}@db.internal/ https://u:{password}@db.internal/",
    "https://user:<password>@db.internal/ https://user:%PASSWORD%@db.internal/ https://u:[secret]@db.internal/",
    f"https://app:{R[:12]}@example.com/ https://app:{R[:12]}@db.example.org https://app:{R[:12]}@localhost/x",
    f"https://app:{R[:12]}@127.0.0.1/",
    "http://127.0.0.1:8080/@scope/package http://a.b:80/c@d",
    "https://me:short@db.internal/",
]


@pytest.mark.parametrize(
    ("text", "kind"), FOUND.items(), ids=[f"{kind} {at}" for at, kind in enumerate(FOUND.values())]
)
def test_what_is_found(text: str, kind: str) -> None:
    for before, after in (("", ""), ("a = '", "'\n"), ("x\n\n", " y"), ('{"a": "b\\n', '"}'), ("\0\1", "\0")):
        (found,) = find(before + text + after)
        assert found.kind == kind
        assert (found.line is None) == ("\0" in before)
        assert found.line in (None, before.count("\n") + 1)
        assert text[-10:] not in found.shown


@pytest.mark.parametrize("text", FOUND)
def test_what_is_found_is_masked_in_every_text(text: str) -> None:
    by_name = "access" in text.lower()
    escaped = [text, f"a\n{text}\nb", json.dumps(f"x\n{text}"), repr(f"x\n{text}")]
    for around in escaped if by_name else [*escaped, f"::error::x%0A{text}"]:
        found = mask(around) if by_name else mask_shapes(around)
        assert R[5:15] not in found
        assert text not in found


@pytest.mark.parametrize("text", LEFT_ALONE, ids=range(len(LEFT_ALONE)))
def test_what_is_left_alone(text: str) -> None:
    assert find(f"a {text}\n") == []
    assert find(text) == []


def find(content: str | bytes, size: int = 1 << 20) -> list[tokens.Token]:
    data = content.encode() if isinstance(content, str) else content
    return find_tokens(iter([data[at : at + size] for at in range(0, len(data), size)]))


def test_every_shape_has_an_example() -> None:
    found = {kind for kind in FOUND.values() if kind != tokens.ENCRYPTED_KEY}
    assert {shape.kind for shape in tokens.SHAPES} == found
    texts = "\n".join(FOUND).encode()
    unseen = {mark for mark in marks.MARKS if mark not in texts}
    assert unseen <= RARE_MARKS


def test_several_in_one_line_and_close_to_each_other() -> None:
    text = " ".join([AWS, AWS, GITHUB, GITHUB, STRIPE, URL, URL])
    found = find(text)
    assert [one.kind for one in found] == [FOUND[one] for one in (AWS, AWS, GITHUB, GITHUB, STRIPE, URL, URL)]
    assert [one.offset for one in found[:2]] == [0, len(AWS) + 1]


@pytest.mark.parametrize("size", [1, 7, 100, 2048, 4096])
def test_borders_of_blocks_cut_nothing(size: int) -> None:
    examples = list(FOUND)
    for part in (examples[::2], examples[1::2]):
        text = "\n".join(f"{'x' * at} {one}" for at, one in enumerate(part))
        whole = find(text)
        assert len(whole) == len(part)
        assert find(text, size) == whole


def test_a_token_at_every_place_around_a_border() -> None:
    for text, kind in ((GITHUB, "GitHub token"), (KEY, "private key"), (URL, "password in a URL")):
        for at in range(3900, 4300, 1):
            data = b"\n" * at + text.encode() + b"\n" * 3000
            (found,) = find(data, 4096)
            assert (found.kind, found.line) == (kind, at + 1)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_text_of_one_and_two_bytes(encoding: str) -> None:
    for odd in ("", "é"):
        data = (f"# settings {odd}\nfirst = 1\nkey = {GITHUB}\n" + "more = 2\n" * 40).encode(encoding)
        (found,) = find(data)
        assert (found.kind, found.line) == ("GitHub token", 3)
        assert (
            abs(found.offset - data.find(GITHUB[:4].encode("utf-16-le" if "16" in encoding else "ascii")))
            <= 1
        )


@pytest.mark.parametrize("size", [1000, 1001, 4096, 1 << 20])
def test_wide_text_in_blocks_of_any_size_and_behind_other_text(size: int) -> None:
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        for before in (b"", b"a b\n" * 1500, b"a b\n" * 1500 + b"x", b"a b\n" * 500):
            data = before + ("some = 1\n" * 300 + f"token = {GITHUB}\n" + "more = 2\n" * 40).encode(encoding)
            (found,) = find(data, size)
            assert data[found.offset :].startswith(
                GITHUB.encode(encoding)[: 1 if encoding[-2:] == "le" else 0]
            )
            assert abs(found.offset - data.find(GITHUB.encode(encoding))) < 4


@pytest.mark.parametrize("before", ["%3D", "%20", "%2F", "x%3d", "\\n", "\\u003d", "\\x3D"])
def test_escapes_before_a_token(before: str) -> None:
    (found,) = find(f"a{before}{GITHUB}%26b")
    assert found.offset == 1 + len(before)
    assert find(f"a{before[1:]}{GITHUB}") == [] or not before[1:].isalnum()


def test_strings_of_programs() -> None:
    elf = b"\x7fELF\2\1\1" + bytes(range(256)) * 40 + b"\0" + AWS.encode() + b"\0" + bytes(500)
    (found,) = find(elf)
    assert (found.line, found.offset) == (None, elf.index(AWS.encode()))
    for padding in (bytes(3), bytes(4)):
        windows = b"MZ\x90\0" + bytes(range(256)) * 40 + padding + AWS.encode("utf-16-le") + bytes(500)
        (found,) = find(windows)
        assert (found.line, found.offset) == (None, windows.index(AWS.encode("utf-16-le")))


def test_many_are_told_up_to_a_bound() -> None:
    assert len(find(f"{AWS}\n" * 1000)) == tokens.MOST_TOKENS


def test_hostile_text_takes_linear_time_and_memory() -> None:
    """Half a minute each, if one of the patterns could be made to try again and again."""
    for piece in ("://a:", "ghp_", "sk-", "glpat-aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "PRIVATE KEY-----\n", "a:\n",
                  "://" + "a" * 60, "xoxb-1234567890-", "secret_access_key = ", "AIza", "hooks.slack.com/services/T",
                  "SG."):  # fmt: skip
        find(piece * (2_000_000 // len(piece)))

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"AKIA ghp_ ://a:b " * 60_000

    tracemalloc.start()
    find_tokens(endless())
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


# Files of images


def scan(saved: Saved, tmp_path: Path, how: Compression = "") -> ContentScan:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_layout(saved, how=how) if how else docker_legacy(saved))
    (image,) = open_images(str(path))
    found = ContentScan()
    for entry, blocks in image.scan():
        found.add(entry, blocks)
    return found


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tgz_in_tgz(levels: int) -> bytes:
    data = gzip.compress(layer_tar({"a": TEXT}))
    for _ in range(levels - 1):
        data = gzip.compress(layer_tar({"a.tgz": data}))
    return data


def deb(data: bytes) -> bytes:
    """An ar as dpkg-deb writes it; the padding of a member of odd length included."""
    out = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0\n"), ("control.tar.gz", b"odd"), ("data.tar", data)):
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode() + content
        out += b"\n" * (len(content) % 2)
    return out


TEXT = f"a = 1\ntoken = {GITHUB}\n".encode()
PACKED = {
    "gzip": (gzip.compress(TEXT), ""),
    "two gzip members": (gzip.compress(b"x") + gzip.compress(TEXT), ""),
    "bzip2": (bz2.compress(TEXT), ""),
    "xz": (lzma.compress(TEXT), ""),
    "two xz streams": (lzma.compress(b"x\n") + lzma.compress(TEXT), ""),
    "zstd": (zstandard.compress(TEXT), ""),
    "zip": (zipped({"a": b"b", "conf/app.env": TEXT}), "conf/app.env"),
    "zip in zip": (zipped({"lib/a.jar": zipped({"app.env": TEXT})}), "lib/a.jar/app.env"),
    "tar": (layer_tar({"srv/a": TEXT}), "srv/a"),
    "tar.gz": (gzip.compress(layer_tar({"srv/a": TEXT})), "srv/a"),
    "tar of wide text": (layer_tar({"a": "x", "srv/a": TEXT.decode().encode("utf-16")}), "srv/a"),
    "gz in tar": (layer_tar({"b.gz": gzip.compress(TEXT)}), "b.gz"),
    "zip in tar": (layer_tar({"a": "x" * 3000, "b.zip": zipped({"c": TEXT})}), "b.zip/c"),
    "tar in tar": (layer_tar({"b.tar": layer_tar({"b.gz": gzip.compress(TEXT)})}), "b.tar/b.gz"),
    "tgz in tgz": (tgz_in_tgz(2), "a.tgz/a"),
    "tgz in tgz in tgz": (tgz_in_tgz(3), "a.tgz/a.tgz/a"),
    "tgz in zip": (zipped({"b.tgz": tgz_in_tgz(1)}), "b.tgz/a"),
    "deb": (deb(gzip.compress(layer_tar({"etc/a": TEXT}))), "data.tar/etc/a"),
    "deb of xz": (deb(lzma.compress(layer_tar({"etc/a": TEXT}))), "data.tar/etc/a"),
    "deb of zstd": (deb(zstandard.compress(layer_tar({"etc/a": TEXT}))), "data.tar/etc/a"),
    "zipapp": (b"#!/usr/bin/env python3\n" + zipped({"a.py": TEXT}), "a.py"),
}


@pytest.mark.parametrize("how", ["", "gzip", "zstd"])
@pytest.mark.parametrize(("data", "inside"), PACKED.values(), ids=list(PACKED))
def test_what_is_packed_is_unpacked(tmp_path: Path, data: bytes, inside: str, how: Compression) -> None:
    found = scan(Saved.of({"srv/x": "x", "srv/packed": data, "srv/y": "y"}), tmp_path, how)
    assert found.unread == []
    (file,) = found.tokens
    assert file.entry.path == "srv/packed"
    assert [(one.kind, one.inside) for one in file.tokens] == [("GitHub token", inside)]


def deep(levels: int) -> bytes:
    data = TEXT
    for _ in range(levels):
        data = zipped({"a": data})
    return data


def tars(levels: int) -> bytes:
    data = TEXT
    for _ in range(levels):
        data = layer_tar({"a": data})
    return data


def bad_member() -> bytes:
    data = bytearray(zipped({"a": bytes(range(256)) * 50}))
    data[40:50] = bytes(10)
    return bytes(data)


CLOSED = {
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(100), "a 7z archive"),
    "compress": (b"\x1f\x9d\x90" + bytes(100), "data of compress (.Z)"),
    "cut deb": (deb(gzip.compress(layer_tar({"etc/a": TEXT * 50})))[:-40], "damaged"),
    "tgz too deep": (tgz_in_tgz(4), "an archive in archives"),
    "tar in tars": (tars(7), "an archive in archives"),
    "gz behind a damaged header": (
        layer_tar({"a": "x"})[:1024] + b"no header" * 100 + gzip.compress(TEXT * 50),
        "an archive with packed data outside",
    ),
    "gz behind the end of a tar": (
        layer_tar({"a": "x"}) + gzip.compress(TEXT * 50), "an archive with packed data outside",
    ),
    "cpio": (b"070701" + b"0" * 104 + gzip.compress(TEXT), "an archive with packed data outside"),
    "damaged tgz": (gzip.compress(layer_tar({"a": bytes(range(256)) * 100}))[:-50], "damaged"),
    "damaged member of a zip": (bad_member(), "damaged or encrypted"),
    "rpm": (b"\xed\xab\xee\xdb" + bytes(100), "an RPM package"),
    "cut gzip": (gzip.compress(bytes(range(256)) * 100)[:-50], "damaged"),
    "damaged zip": (zipped({"a": TEXT * 50})[:-30], "damaged or encrypted"),
    "xz of too much memory": (
        lzma.compress(TEXT, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]), "damaged",
    ),
    "too deep": (deep(4), "an archive in archives"),
    "7z in a zip": (zipped({"a": b"7z\xbc\xaf\x27\x1c" + bytes(100), "b": b"x"}), "a 7z archive"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "why"), CLOSED.values(), ids=list(CLOSED))
def test_what_can_not_be_looked_into(tmp_path: Path, data: bytes, why: str) -> None:
    found = scan(Saved.of({"srv/closed": data, "srv/open": TEXT}), tmp_path)
    (unread,) = found.unread
    assert unread.entry.path == "srv/closed"
    assert unread.why.startswith(why)
    assert [one.entry.path for one in found.tokens] == ["srv/open"]


def layer_member(header: bytes, content: bytes) -> bytes:
    return header + content + bytes(-len(content) % 512)


def test_what_stands_beside_the_members_of_a_tar(tmp_path: Path) -> None:
    """Names, links, kinds of no standard, and what follows a damaged header or the end."""
    plain = layer_tar({"a": "x"})
    strange = bytearray(layer_tar({"a": TEXT}))
    strange[156:157] = b"Z"
    strange[148:156] = b" " * 8
    strange[148:156] = b"%06o\0 " % sum(strange[:512])
    sparse = bytearray(strange)
    sparse[156:157] = b"S"
    sparse[148:156] = b" " * 8
    sparse[148:156] = b"%06o\0 " % sum(sparse[:512])
    for data in (
        layer_tar({f"etc/{GITHUB}": "x"}), layer_tar({"etc/" + "a/" * 100 + GITHUB: "x"}),
        plain + TEXT, plain[:1024] + b"no header" * 100 + TEXT, layer_tar({"a": TEXT * 9})[:700],
        bytes(strange), bytes(sparse),
    ):  # fmt: skip
        found = scan(Saved.of({"srv/a.tar": data}), tmp_path)
        (file,) = found.tokens
        assert {token.kind for token in file.tokens} == {"GitHub token"}
        assert found.unread == []
        if not (token := file.tokens[0]).inside:
            assert data[token.offset :].startswith(GITHUB.encode())


def test_what_is_found_before_it_breaks_is_told(tmp_path: Path) -> None:
    data = zipped({"a.env": TEXT, "b.7z": b"7z\xbc\xaf\x27\x1c" + bytes(100)})
    found = scan(Saved.of({"srv/a.zip": data}), tmp_path)
    assert len(found.tokens) == len(found.unread) == 1


def test_bombs_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imglint.analyzer.image.scan._MOST_UNPACKED", 3_000_000)
    for bomb in (gzip.compress(bytes(50_000_000)), zipped({"a": bytes(50_000_000)}), lzma.compress(bytes(50_000_000)),
                 bz2.compress(bytes(50_000_000)), zstandard.compress(bytes(50_000_000))):  # fmt: skip
        tracemalloc.start()
        found = scan(Saved.of({"srv/bomb": bomb}), tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
        tracemalloc.stop()
        assert [one.why for one in found.unread] == ["compressed data, of which enough was unpacked"]


def test_each_content_of_a_layer_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def counted(blocks: Iterator[bytes], inside: str = "") -> list[tokens.Token]:
        data = b"".join(blocks)
        looked.append(len(data))
        return find_tokens(iter([data]), inside)

    monkeypatch.setattr("imglint.analyzer.image.scan.find_tokens", counted)
    files: LayerFiles = {"a": TEXT, "b": TEXT, "c": hardlink("a"), "d": "other"}
    for how in ("", "gzip"):
        looked.clear()
        found = scan(Saved.of(files, {"a": TEXT}), tmp_path, how)
        assert looked == [len(TEXT), 5, len(TEXT)]
        assert [(one.entry.layer, one.entry.path) for one in found.tokens] == [(0, "a"), (0, "b"), (1, "a")]


def test_a_layer_that_ends_too_early(tmp_path: Path) -> None:
    saved = Saved.of({"srv/a": "x" * 100_000})
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(saved))
    (image,) = open_images(str(path))
    (layer,) = image._contents
    entry = layer.entries[0]._replace(size=10_000_000)
    image._contents = (layer._replace(entries=(entry,)),)
    with pytest.raises(InputError, match="ends inside 'srv/a'"):
        for _, blocks in image.scan():
            for _ in blocks:
                pass


# The rule, and the audit


def judged(*layers: LayerFiles, tmp_path: Path) -> Any:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(Saved.of(*layers)))
    (image,) = open_images(str(path))
    return judge_image(image, load(select(["AV0806", "AV0807"])), contents=True)


def cell_of(report: Report) -> Cell:
    (cell,) = (one for one in report.matrix if (one.antipattern, one.evidence) == (8, "image"))
    return cell


SECRETS = f"AWS_ACCESS_KEY_ID={AWS}\nGITHUB_TOKEN={GITHUB}\nSTRIPE={STRIPE}\nDATABASE_URL={URL}\n"
DOCKERFILE = (
    "FROM scratch\nCOPY busybox /bin/busybox\nCOPY app.env settings.py config.yaml /app/\nUSER 1000\n"
    'CMD ["/bin/busybox", "sleep", "1"]\n'
)


def shop(*more: LayerFiles) -> Saved:
    """An image that holds what a container needs, and three files of credentials."""
    files: LayerFiles = {f"app/{name}": SECRETS for name in ("app.env", "settings.py", "config.yaml")}
    steps = [
        "COPY busybox /bin/busybox",
        "COPY app.env settings.py config.yaml /app/",
        *["RUN rm /app/*"] * len(more),
    ]
    empty = [
        {**step("USER 1000"), "empty_layer": True},
        {**step('CMD ["/bin/busybox" "sleep" "1"]'), "empty_layer": True},
    ]
    return Saved.of(
        {"bin/busybox": "x" * 5000}, files, *more, history=(*map(step, steps), *empty), tags=("shop:5",),
        config={"User": "1000", "Cmd": ["/bin/busybox", "sleep", "1"]},
    )  # fmt: skip


def test_an_image_full_of_tokens_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Dockerfile").write_text(DOCKERFILE)
    Path("shop.tar").write_bytes(docker_legacy(shop()))
    assert main(["audit", "Dockerfile", "--image", "shop.tar"]) == 1
    out = capfd.readouterr().out
    assert re.search(r"8 +credentials in the image +pass +fail +unknown", out)
    assert (
        "Dockerfile:3 (layer 1): AV0807 token-in-file: /app/app.env holds an AWS access key ID (line 1), a"
        " GitHub token (line 2), a Stripe key (line 3), a password in a URL (line 4) in layer 1; the same"
        " stands in /app/settings.py, /app/config.yaml; " in out
    )
    for secret in (AWS, GITHUB, STRIPE, "s3cr3tpass"):
        assert secret not in out


def test_what_a_later_layer_hides_fails_too(tmp_path: Path) -> None:
    path = tmp_path / "shop.tar"
    path.write_bytes(
        docker_legacy(shop({f"app/{name}": None for name in ("app.env", "settings.py", "config.yaml")}))
    )
    report = audit(image=str(path))
    assert cell_of(report).verdict == "fail"
    assert report.exit_code == 1
    found = [one for one in report.findings if one.rule.code == "AV0807"]
    assert [one.severity.label for one in found] == ["error"]
    assert "in layer 1, where it can be read though layer 2 hides it; the same stands in " in found[0].message
    assert found[0].proof is not None
    assert found[0].proof["hidden_by"] == 2
    assert [(one["kind"], one["line"], one["shown"]) for one in found[0].proof["found"]] == [
        ("AWS access key ID", 1, "****"), ("GitHub token", 2, "****"), ("Stripe key", 3, "****"),
        ("password in a URL", 4, "app:****@db.internal"),
    ]  # fmt: skip


def test_an_overwritten_file(tmp_path: Path) -> None:
    (finding,) = judged({"srv/a": TEXT}, {"srv/a": "clean"}, tmp_path=tmp_path).findings
    assert "layer 1 hides it" in finding.message


def test_a_private_key_behind_much_else(tmp_path: Path) -> None:
    (finding,) = judged({"srv/bundle": "x\n" * 100_000 + KEY}, tmp_path=tmp_path).findings
    assert finding.rule.code == "AV0806"
    assert finding.proof["found"][0]["line"] == 100_001


def test_what_was_not_read_is_no_pass(tmp_path: Path) -> None:
    path = tmp_path / "shop.tar"
    for files in (
        {"srv/a.7z": b"7z\xbc\xaf\x27\x1c" + bytes(100)},
        {"srv/a.7z": b"7z\xbc\xaf\x27\x1c", "srv/b.7z": b"7z\xbc\xaf\x27\x1cx"},
    ):
        path.write_bytes(docker_legacy(Saved.of({"srv/app": "app", **files})))
        cell = cell_of(audit(image=str(path)))
        assert cell.verdict == "unknown"
        assert "could not be looked into: /srv/a.7z is a 7z archive" in cell.reason
    path.write_bytes(docker_legacy(Saved.of({"srv/app": "app"})))
    assert cell_of(audit(image=str(path))).verdict == "pass"


def test_contents_that_nobody_looked_at_are_no_pass(tmp_path: Path) -> None:
    path = tmp_path / "shop.tar"
    path.write_bytes(docker_legacy(shop()))
    (image,) = open_images(str(path))
    skipped = judge_image(image, load(select(["AV0806", "AV0807"]))).skipped
    assert {one.rule.code for one in skipped} == {"AV0806", "AV0807"}
    assert (
        skipped[0].reason
        == "what files hold was not looked at; `imglint audit` does, and `imglint image --secrets`"
    )


CONFIGURATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Cmd", {"config": {"Cmd": ["/srv/app", GITHUB]}}),
    ("Entrypoint", {"config": {"Entrypoint": ["/srv/app", "--token=" + GITHUB]}}),
    ("Healthcheck", {"config": {"Healthcheck": {"Test": ["CMD-SHELL", "/srv/app " + GITHUB]}}}),
    ("OnBuild", {"config": {"OnBuild": ["RUN x " + GITHUB]}}),
    ("WorkingDir", {"config": {"WorkingDir": "/" + GITHUB}}),
    ("User", {"config": {"User": GITHUB}}),
    ("StopSignal", {"config": {"StopSignal": GITHUB}}),
    ("Shell", {"config": {"Shell": ["/bin/sh", GITHUB]}}),
    ("Volumes", {"config": {"Volumes": {"/" + GITHUB: {}}}}),
    ("ExposedPorts", {"config": {"ExposedPorts": {GITHUB: {}}}}),
    ("ENV A", {"config": {"Env": ["A=" + GITHUB]}}),
    ("ENV ****", {"config": {"Env": [GITHUB + "=a"]}}),
    ("label ****", {"config": {"Labels": {GITHUB: "a"}}}),
    ("the comment of step 0 of the history", {"history": (step("COPY x /") | {"comment": GITHUB},)}),
    ("the author of step 0 of the history", {"history": (step("COPY x /") | {"author": GITHUB},)}),
    ("step 0 of the history", {"history": (step("RUN x " + GITHUB),)}),
    ("author", {"top": {"author": GITHUB}}),
    ("annotations.a", {"top": {"annotations": {"a": GITHUB}}}),
    ("container_config.Cmd.0", {"top": {"container_config": {"Cmd": [GITHUB]}}}),
    ("its tag", {"tags": ("shop:" + GITHUB,)}),
)


@pytest.mark.parametrize(("where", "fields"), CONFIGURATIONS, ids=[where for where, _ in CONFIGURATIONS])
def test_every_string_of_the_configuration_is_searched(
    where: str, fields: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(Saved.of({"srv/app": "app"}, **fields)))
    (image,) = open_images(str(path))
    (finding,) = judge_image(image, load(select(["AV0801"]))).findings
    assert finding.message.startswith(f"{where} holds a GitHub token in plain text")
    assert GITHUB not in repr(finding)


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"etc/" + GITHUB: "x"}, "the path etc/****"),
        ({"etc/a%20" + GITHUB: "x"}, "the path etc/a%20****"),
        ({"etc/l": symlink("/x/" + GITHUB)}, "the target of a link /x/****"),
        ({"etc/" + GITHUB: None}, "the whiteout of etc/****"),
        ({"etc/a\nb": "x", "etc/" + GITHUB: "x"}, "the path etc/****"),
    ],
)
def test_names_are_searched(files: LayerFiles, what: str, tmp_path: Path) -> None:
    (finding,) = judged(files, tmp_path=tmp_path).findings
    assert finding.rule.code == "AV0807"
    assert finding.message.startswith(f"{what} holds a GitHub token in layer 0; ")
    assert GITHUB not in repr(finding)


SECRET = R[:20]
PLACEHOLDERS = ("${NPM_TOKEN}", "$TOKEN", "<token>", "%TOKEN%", "{{ token }}", "", "changeme", "****")
KEY_FILES = {
    "root/.npmrc": ("//r.io/:_authToken=%s\n", "_auth=%s", "//r.io/:_password = %s"),
    "root/.docker/config.json": (
        '{"auths": {"r.io": {"auth": "%s"}}}', '{"auths": {"r.io": {"identitytoken": "%s"}}}',
    ),
    "root/.netrc": ("machine r.io login me password %s\n", "machine r.io\n  login me\n  password %s\n"),
    "root/.pypirc": ("[pypi]\nusername = me\npassword = %s\n", "[pypi]\npassword: %s\n"),
    "root/.git-credentials": ("https://me:%s@git.internal\n",),
    "root/.aws/credentials": ("[default]\nregion = x\naws_secret_access_key = %s\n",),
    "root/.kube/config": ("users:\n- name: a\n  user:\n    token: %s\n", "    client-key-data: %s\n"),
    "root/.pgpass": ("db.internal:5432:shop:app:%s\n",),
    "root/.my.cnf": ("[client]\nuser=app\npassword=%s\n", '[client]\npassword = "%s"\n'),
    "srv/.htpasswd": ("me:%s\n",),
    "srv/.env": ("A=b\nDB_PASSWORD=%s\n", "export API_KEY='%s'\n"),
    "srv/credentials.json": ('{"client_secret": "%s"}', '{"private_key": "%s"}'),
}  # fmt: skip
NO_CREDENTIALS: dict[str, Any] = {
    "root/.npmrc": "registry=https://r.io/\nalways-auth=true\n",
    "root/.docker/config.json": '{"credHelpers": {"r.io": "ecr-login"}, "credsStore": "pass", "auths": {"r.io": {}}}',
    "root/.netrc": "machine r.io login me\n",
    "root/.pypirc": "[distutils]\nindex-servers = pypi\n",
    "root/.git-credentials": "https://me@git.internal\n",
    "root/.aws/credentials": "[default]\nrole_arn = arn:aws:iam::1:role/a\ncredential_source = Ec2InstanceMetadata\n",
    "root/.kube/config": "users:\n- name: a\n  user:\n    exec:\n      command: aws\n    tokenFile: /run/token\n",
    "root/.pgpass": "# hostname:port:database:username:password\n",
    "root/.my.cnf": "[client]\nuser=app\nsocket=/run/mysqld.sock\n",
    "srv/.env": "PORT=80\nDB_HOST=db\nPASSWORD_FILE=/run/secrets/db\n",
    "root/.ssh/id_rsa": "made at the start\n",
    # The heads of what openssl writes: a certificate, a public key, a store of certificates alone, a signed list.
    "srv/a.p12": bytes.fromhex("308202f9308201e1a0030201020214"),
    "srv/server.key": bytes.fromhex("30820122300d06092a864886f70d010101050003"),
    "srv/trust.p12": bytes.fromhex(
        "30820417020103308203cd06092a864886f70d010701a08203be048203ba308203b6308203b206092a864886f70d010706"
    ),
    "srv/a.pfx": bytes.fromhex("3082032806092a864886f70d010702a0820319"),
    "srv/b.p12": b"0 means none\n",
    "srv/trust.jks": b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1\0\0\0\2\0\1a",
}
KEY_STORES: dict[str, Any] = {
    "srv/a.jks": b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1\0\0\0\1\0\1a",
    "srv/a.p12": bytes.fromhex(
        "308209cf0201033082098506092a864886f70d010701a0820976048209723082096e0101060b2a864886f70d010c0a0102"
    ),
    "srv/b.pfx": bytes.fromhex("3080020103308006092a864886f70d010701a080"),
    "srv/signed.p12": bytes.fromhex("308209cf0201033082098506092a864886f70d010702a0820976"),
    "srv/server.key": bytes.fromhex("308204bd020100300d06092a864886f70d0101010500"),
    "srv/private.key": bytes.fromhex("308204a30201000282010100a065f6b8"),
    "srv/ec-private.key": bytes.fromhex("30770201010420461fcedb00df4a04"),
    "srv/closed-private.key": bytes.fromhex("3082052d305706092a864886f70d01050d304a"),
    "srv/a.kdbx": b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5",
    "root/.ssh/id_ed25519": KEY.encode(),
    "srv/a.ppk": b"PuTTY-User-Key-File-3: ssh-rsa\n",
}


def key_files(files: LayerFiles, tmp_path: Path) -> list[str]:
    path = tmp_path / "image.tar"
    path.write_bytes(docker_legacy(Saved.of(files)))
    (image,) = open_images(str(path))
    rules = load(select(["AV0802", "AV0806", "AV0807"]))
    return [one.message for one in judge_image(image, rules, contents=True).findings]


@pytest.mark.parametrize("path", KEY_FILES)
def test_files_of_credentials_are_told_by_what_they_hold(path: str, tmp_path: Path) -> None:
    for form in KEY_FILES[path]:
        (message,) = key_files({path: form % SECRET}, tmp_path)
        assert message.startswith((f"/{path} holds credentials, and whoever", f"/{path} holds a password in"))
        for value in PLACEHOLDERS:
            assert key_files({path: form % value}, tmp_path) == [], form % value


@pytest.mark.parametrize("path", NO_CREDENTIALS)
def test_the_name_of_a_file_alone_is_no_fault(path: str, tmp_path: Path) -> None:
    assert key_files({path: NO_CREDENTIALS[path]}, tmp_path) == []


@pytest.mark.parametrize("path", KEY_STORES)
def test_keys_and_key_stores(path: str, tmp_path: Path) -> None:
    assert len(key_files({path: KEY_STORES[path]}, tmp_path)) == 1


def test_none_in_the_product_itself() -> None:
    """Whoever scans an image that has imglint in it finds nothing to revoke."""
    root = Path(__file__).parents[2]
    files = [
        path
        for name in ("analyzer", "runner", "rules", "reports")
        for path in (root / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert len(files) > 100
    files += [*(root / "src/imglint").glob("*.py"), *(root / "src/imglint/push").glob("*.py")]
    assert {str(path): found for path in files if (found := find_tokens(iter([path.read_bytes()])))} == {}
