"""Credentials in layers: told once, whose they are, what is left alone and counted, and both ways to look for them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import seeded_credentials
from command import imglint
from image_archives import LayerFiles, Saved, docker_legacy, step
from seeded_credentials import Dice, pem, with_crc

from imglint.__main__ import main
from imglint.analyzer.image import open_images
from imglint.analyzer.image.installed import LARGEST_CONFIRMED
from imglint.analyzer.key_files import first_credential
from imglint.analyzer.tokens import Token, checksums, find_tokens, finder, marks
from imglint.rules.judge import Judgement, judge_image
from imglint.rules.registry import load, select

RULES = load(select(["AV0802", "AV0806", "AV0807"]))
TOKEN = with_crc("ghp_", Dice(11))
OTHER = seeded_credentials.TOKENS["Docker Hub token"](Dice(12))
KEY = pem("RSA PRIVATE KEY", Dice(13))
TEXT = f"# settings\ntoken = {OTHER}\n"


def judged(tmp_path: Path, *layers: LayerFiles) -> Judgement:
    archive = tmp_path / "image.tar"
    archive.write_bytes(docker_legacy(Saved.of(*layers)))
    (image,) = open_images(str(archive))
    judgement = judge_image(image, RULES, contents=True)
    assert not judgement.failed
    return judgement


def messages(judgement: Judgement) -> list[str]:
    return [f"{one.rule.code} {one.message}" for one in judgement.findings]


# One credential, one finding


def test_one_token_in_several_files_and_layers_is_one_finding(tmp_path: Path) -> None:
    (finding,) = judged(
        tmp_path,
        {"srv/a.py": TEXT, "srv/b.env.gz": gzip.compress(f"X={OTHER}".encode())},
        {"srv/a.py": None, "srv/c": f"again {OTHER}".encode("utf-16")},
    ).findings
    assert (
        "/srv/a.py holds a Docker Hub token (line 2) in layer 0, where it can be read though layer 1 hides it"
        in finding.message
    )
    assert "; the same stands in /srv/b.env.gz, /srv/c (layer 1); " in finding.message
    assert finding.proof is not None
    assert [(one["layer"], one["path"]) for one in finding.proof["also"]] == [
        (0, "srv/b.env.gz"),
        (1, "srv/c"),
    ]


def test_one_key_in_several_forms_is_one_finding(tmp_path: Path) -> None:
    escaped = '{"key": "' + KEY.replace("\n", "\\n") + '"}'
    windows = KEY.replace("\n", "\r\n")
    files: LayerFiles = {"root/.ssh/id_rsa": KEY, "srv/sa.json": escaped, "srv/key.pem": windows}
    (message,) = messages(judged(tmp_path, files))
    assert message.startswith("AV0806 /root/.ssh/id_rsa holds a private key in layer 0; the same stands in ")


def test_keys_of_one_kind_that_begin_alike_are_two(tmp_path: Path) -> None:
    files: LayerFiles = {name: seeded_credentials.openssh(Dice(at)) for at, name in enumerate(("a", "b"))}
    assert len(judged(tmp_path, files).findings) == 2


def test_what_matches_two_kinds_is_one_finding(tmp_path: Path) -> None:
    for path in ("root/.git-credentials", "srv/app.py"):
        (message,) = messages(judged(tmp_path, {path: f"https://ci:{OTHER}@git.acme.io\n"}))
        assert message.startswith(f"AV0807 /{path} holds a Docker Hub token (line 1) in layer 0; ")
    (message,) = messages(
        judged(tmp_path, {"root/.npmrc": f"//r.acme.io/:_authToken={with_crc('npm_', Dice(1))}\n"})
    )
    assert message.startswith("AV0807 /root/.npmrc holds an npm token")


def test_a_token_across_a_border_of_blocks_is_told_once() -> None:
    url = f"https://ci:{OTHER}@git.acme.io/"
    for at in range(2000, 2100):
        data = b" " * at + url.encode() + b"\n" * 5000
        assert [one.kind for one in find_tokens(iter([data[:4096], data[4096:]]))] == ["Docker Hub token"]


def test_files_of_credentials_with_one_password_are_one_finding(tmp_path: Path) -> None:
    files: LayerFiles = {
        "root/.netrc": "machine a.io login b password q7Zt2Kx9\n", "srv/.env": "A=b\nDB_PASSWORD=q7Zt2Kx9\n",
    }  # fmt: skip
    (message,) = messages(judged(tmp_path, files))
    assert message.startswith("AV0802 /root/.netrc holds credentials, ")
    assert message.endswith("it stands in layer 0; the same stands in /srv/.env")


# How bad


def test_what_weighs_less(tmp_path: Path) -> None:
    wrong = TOKEN[:-1] + ("A" if TOKEN[-1] != "A" else "B")
    jwt = seeded_credentials.jwt(Dice(1))
    for text, told in (
        (f"t={wrong}", "a GitHub token (line 1, its checksum is wrong)"),
        (f"t={jwt}", "a JSON web token (line 1, may have expired)"),
        (pem("ENCRYPTED PRIVATE KEY", Dice(1)), "an encrypted private key"),
    ):
        (finding,) = judged(tmp_path, {"srv/a": text}).findings
        assert finding.severity.label == "warning"
        assert told in finding.message
    (finding,) = judged(tmp_path, {"srv/a": f"t={wrong}\nu={TOKEN}"}).findings
    assert finding.severity.label == "error"


def test_checksums_hold() -> None:
    dice = Dice(21)
    checks: dict[str, Callable[[bytes], bool]] = {
        "npm token": checksums.base62_crc, "Grafana token": checksums.grafana_crc,
        "Atlassian token": checksums.atlassian_crc, "age key": checksums.bech32, "AWS access key ID": checksums.aws_account,
    }  # fmt: skip
    for kind, check in checks.items():
        for _ in range(20):
            token = seeded_credentials.TOKENS[kind](dice).encode()
            assert check(token)
            if check is not checksums.aws_account:
                changed = bytearray(token)
                changed[22] = ord("Q") if changed[22] != ord("Q") else ord("P")
                assert not check(bytes(changed))
    # Published with the description of the form.
    assert checksums.base62_crc(b"ghp_" + b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ" + b"0mLq17")
    # The first example of BIP 173.
    assert checksums.bech32(b"A12UEL5L")


# Left alone, and counted


def test_tests_and_documentation_are_left_alone_and_counted(tmp_path: Path) -> None:
    paths = [
        "app/tests/test_a.py",
        "app/docs/use.rst",
        "opt/x/README.md",
        "app/node_modules/x/test/a.js",
        "app/a.spec.ts",
    ]
    judgement = judged(tmp_path, dict.fromkeys(paths, TEXT))
    assert judgement.findings == ()
    assert judgement.notes == (
        "5 files hold what looks like credentials for tests or documentation: left alone, as /app/tests/test_a.py",
    )
    # A right checksum is no chance.
    (message,) = messages(judged(tmp_path, {"app/tests/a.py": f"t = '{TOKEN}'"}))
    assert "/app/tests/a.py holds a GitHub token" in message


def test_a_cell_that_passes_says_what_was_left_alone(tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_bytes(docker_legacy(Saved.of({"app/tests/test_a.py": TEXT, "etc/x": "y"})))
    ran = imglint("audit", "--image", "image.tar", "-f", "json", cwd=tmp_path)
    cells = {(one["antipattern"], one["evidence"]): one for one in json.loads(ran.stdout)["matrix"]}
    cell = cells[8, "image"]
    assert cell["verdict"] == "pass"
    assert cell["reason"].endswith(
        "found nothing; a file holds what looks like credentials for tests or documentation:"
        " left alone, as /app/tests/test_a.py"
    )
    assert all("left alone" not in one["reason"] for one in cells.values() if one is not cell)


def sha256(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


MD5 = hashlib.md5(TEXT.encode()).hexdigest()
SHA1 = base64.b64encode(hashlib.sha1(TEXT.encode()).digest()).decode()
SITE = "usr/lib/python3/site-packages"
PACKAGES: dict[str, tuple[str, LayerFiles]] = {
    "dpkg": ("usr/bin/x", {"var/lib/dpkg/info/x.md5sums": f"{MD5}  usr/bin/x\n"}),
    "distroless": ("usr/bin/x", {"var/lib/dpkg/status.d/x.md5sums": f"{MD5}  usr/bin/x\n"}),
    "apk": ("usr/bin/x", {
        "lib/apk/db/installed": f"P:x\nF:usr/bin\nR:x\nZ:Q1{SHA1}\n"
    }),
    "Python": (f"{SITE}/x/a.py", {f"{SITE}/x-1.dist-info/RECORD": f"x/a.py,sha256={sha256(TEXT)},9\n"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", PACKAGES)
def test_what_a_package_brought_is_left_alone_and_counted(kind: str, tmp_path: Path) -> None:
    path, database = PACKAGES[kind]
    for layers in ([{path: TEXT, **database}], [{path: TEXT}, database], [database, {path: TEXT}]):
        judgement = judged(tmp_path, *layers)
        assert judgement.findings == ()
        assert judgement.notes == (
            f"a file holds what looks like credentials as a package brought it: left alone, as /{path}",
        )
    # What was changed since, and what stands elsewhere with another value, is told.
    assert len(judged(tmp_path, {path: TEXT + "\n", **database}).findings) == 1
    other = seeded_credentials.TOKENS["npm token"](Dice(4))
    assert len(judged(tmp_path, {path: TEXT, "srv/a": other, **database}).findings) == 1
    # What was made of it holds the same.
    assert (
        judged(
            tmp_path, {path: TEXT, "usr/lib/made.pyc": b"\0\1" + OTHER.encode() + b"\0", **database}
        ).findings
        == ()
    )


def test_a_package_of_the_image_s_own_vouches_for_nothing(tmp_path: Path) -> None:
    """pip writes direct_url.json for what it installs from a directory."""
    path, database = PACKAGES["Python"]
    own = {f"{SITE}/x-1.dist-info/direct_url.json": '{"url": "file:///src", "dir_info": {}}'}
    assert len(judged(tmp_path, {path: TEXT, **database, **own}).findings) == 1


@pytest.mark.parametrize(
    "database",
    [
        b"\xff\xfe\0",
        b"Z:Q1\nR:\nF:",
        b"Z:Q1!!!!\nR:x\nZ:Q1A",
        b"x,sha256=*,9\n,,,\n\n",
        b"d41d8cd98f00b204e9800998ecf8427e",
    ],
)
def test_damaged_databases_vouch_for_nothing(database: bytes, tmp_path: Path) -> None:
    for path in ("lib/apk/db/installed", f"{SITE}/x-1.dist-info/RECORD", "var/lib/dpkg/info/x.md5sums"):
        assert len(judged(tmp_path, {"usr/bin/x": TEXT, path: database}).findings) == 1


def test_a_large_file_is_told_though_a_package_may_have_brought_it(tmp_path: Path) -> None:
    text = TEXT + "\n" * LARGEST_CONFIRMED
    database = {"var/lib/dpkg/info/x.md5sums": f"{hashlib.md5(text.encode()).hexdigest()}  usr/bin/x\n"}
    assert len(judged(tmp_path, {"usr/bin/x": text, **database}).findings) == 1


def test_what_was_not_read_is_told_with_its_count(tmp_path: Path) -> None:
    closed = b"7z\xbc\xaf\x27\x1c" + bytes(100)
    judgement = judged(tmp_path, {"a.7z": closed, "b.7z": closed + b"x", "c": TEXT})
    assert len(judgement.findings) == 1
    assert judgement.notes == (
        "2 files could not be searched for credentials to the end: /a.7z is a 7z archive",
    )


def test_a_large_file_made_for_credentials_is_no_pass(tmp_path: Path) -> None:
    filler = "A=b\n" * 300_000
    judgement = judged(tmp_path, {"srv/.env": f"{filler}DB_PASSWORD=q7Zt2Kx9\n"})
    assert judgement.findings == ()
    assert "/srv/.env is a file made for credentials, of which 1 MiB was read as such" in judgement.notes[0]
    assert {one.rule.code for one in judgement.skipped} == {"AV0802", "AV0806", "AV0807"}
    assert len(judged(tmp_path, {"srv/.env": f"DB_PASSWORD=q7Zt2Kx9\n{filler}"}).findings) == 1
    assert len(judged(tmp_path, {"srv/.env": f"{filler}T={OTHER}\n"}).findings) == 1


def test_text_that_looks_like_the_beginning_of_a_url_takes_linear_time() -> None:
    import time

    for piece in ("a.", "glpat-", "a+"):
        start = time.process_time()
        first_credential("root/.netrc", (piece * 100_000 + "://@").encode())
        assert time.process_time() - start < 5


def test_more_than_are_told_are_counted(tmp_path: Path) -> None:
    make, dice = seeded_credentials.TOKENS["SendGrid key"], Dice(1)
    judgement = judged(tmp_path, {"a": "\n".join(make(dice) for _ in range(150))})
    assert judgement.notes == ("a file has more credentials than are told, 100: /a",)


# Whose


def test_the_base_s_are_told_to_be_so(tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    history = (
        {**step("ADD base / # buildkit"), "created": "2023-01-01T00:00:00Z"},
        {**step("COPY own / # buildkit"), "created": "2024-05-01T00:00:00Z"},
    )
    layers: list[LayerFiles] = [{"etc/a": TEXT}, {"etc/b": f"t = {TOKEN}"}]
    archive.write_bytes(docker_legacy(Saved.of(*layers, history=history)))
    (image,) = open_images(str(archive))
    found = judge_image(image, RULES, contents=True).findings
    assert [
        "in layer 0 of the base (guessed from the history's dates); " in one.message for one in found
    ] == [True, False]
    assert [(one.proof or {}).get("from_base") for one in found] == [True, False]


# The command


def test_image_looks_into_files_where_it_is_asked_to(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "shop.tar"
    archive.write_bytes(docker_legacy(Saved.of({"srv/a": TEXT}, config={"User": "1000"})))
    assert main(["image", str(archive)]) == 0
    assert "AV0807" not in capfd.readouterr().out
    assert main(["image", str(archive), "--secrets"]) == 1
    out = capfd.readouterr().out
    assert "AV0807 token-in-file: /srv/a holds a Docker Hub token (line 2) in layer 0" in out
    assert OTHER[9:] not in out


# Two ways to look for marks


def by(way: marks.Positions, data: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> list[Token]:
    monkeypatch.setattr(finder, "positions", lambda: way)
    return find_tokens(iter([data[at : at + size] for at in range(0, len(data), size)]))


def test_tables_and_hyperscan_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hyperscan")
    ways = marks.with_tables(), marks.with_hyperscan()
    seeds = [*seeded_credentials.tuned(), *seeded_credentials.held_out()]
    dice = Dice(31)
    contents = [seed.content for seed in seeds]
    contents.append(b"\n".join(mark + b"x" for mark in marks.MARKS))
    contents.append(b"".join(mark + dice.of(seeded_credentials.BASE62, 60).encode() for mark in marks.MARKS))
    contents += [dice.bytes(20_000), b"", b"A", b"://" * 500, b"https://a:b@c ://x://y:zzzzzzz@host "]
    # All seeds cut at some place: what only nearly is one.
    contents += [content[: len(content) * 2 // 3] for content in contents[:100]]
    for content in contents:
        for size in (1 << 20, 3000):
            first, second = (by(way, content, size, monkeypatch) for way in ways)
            assert first == second


def test_each_mark_is_seen_wherever_it_stands() -> None:
    positions = marks.with_tables()
    for number, mark in enumerate(marks.MARKS):
        for before in (b"", b"\0", b"ab"):
            assert (len(before), number) in positions(before + mark + b"x"), mark


def test_without_the_extra_tables_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "hyperscan", None)
    marks.positions.cache_clear()
    try:
        assert [one.kind for one in find_tokens(iter([TEXT.encode()]))] == ["Docker Hub token"]
    finally:
        monkeypatch.undo()
        marks.positions.cache_clear()


def test_hostile_neighbours_of_marks_take_linear_time() -> None:
    """Where each of many marks asked for what stands before it, from all its places, this took minutes."""
    import time

    for piece in (b"AZDO", b"AZDOA", b"0123456789abcdef-us1", b"aaa1Q~", b"A" * 14 + b".atlasv1.", b"1:AA", b"sk-T3BlbkFJ",
                  b"-----BEGIN PRIVATE KEY-----", b"-----BEGIN A B C PRIVATE KEY-----\na:\n", b"eyJa.eyJ",
                  b"MTA0"):  # fmt: skip
        start = time.process_time()
        find_tokens(iter([piece * (300_000 // len(piece))]))
        assert time.process_time() - start < 10, piece


def codes(judgement: Judgement) -> set[tuple[str, str]]:
    return {(finding.rule.code, finding.place.path or "") for finding in judgement.findings}


def test_a_token_for_tests_hides_no_password(tmp_path: Path) -> None:
    made_up = "sk_" + "test_" + "Q7hVbn3KfXw9ZpLmT2sYcRd8"
    env = f"STRIPE_KEY={made_up}\nDB_PASSWORD=vq8Zk3Lm0x\n"
    assert codes(judged(tmp_path, {"srv/.env": env})) == {("AV0807", "srv/.env"), ("AV0802", "srv/.env")}


def test_the_home_of_a_user_called_test_holds_no_tests(tmp_path: Path) -> None:
    files: LayerFiles = {"home/test/.netrc": "machine a.org login me password vq8Zk3Lm0x", "home/me/test/.netrc":
                         "machine a.org login me password vq8Zk3Lm0x1"}  # fmt: skip
    assert ("AV0802", "home/test/.netrc") in codes(judged(tmp_path, files))
    assert ("AV0802", "home/me/test/.netrc") not in codes(judged(tmp_path, files))


@pytest.mark.parametrize(
    ("path", "text"),
    [("srv/.env", f"DB_PASSWORD={value}\n") for value in (
        "/run/secrets/db", "vault:secret/data/db#pw", "arn:aws:secretsmanager:eu-west-1:1:secret:db", "op://vault/db/pw",
        "ENC[AES256_GCM,data:abcd,iv:efgh]", "projects/a/secrets/db",
    )] + [("srv/.env", "SECRET_BACKEND=kubernetes\n"), ("root/.netrc", "machine a.org login anonymous password guest@\n")],
)  # fmt: skip
def test_where_a_credential_is_kept_is_none(path: str, text: str, tmp_path: Path) -> None:
    assert codes(judged(tmp_path, {path: text})) == set()
    assert codes(judged(tmp_path, {"srv/.env": "DB_PASSWORD=vq8Zk3Lm0x\n"})) == {("AV0802", "srv/.env")}
