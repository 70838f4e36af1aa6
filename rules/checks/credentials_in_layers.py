"""Credentials in the files of an image's layers, told by what they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ..rule import ImageExample, LayerRef, Outcome, Place, Rule, Severity
from .credentials import a_kind

if TYPE_CHECKING:
    from ...analyzer.image import Entry, Image
    from ...analyzer.image.scan import ContentScan
    from ...analyzer.tokens import Token
    from ..rule import Finding

PRIVATE_KEY = Rule(
    code="AV0806",
    name="private-key-in-layer",
    severity=Severity.ERROR,
    antipattern=8,
    aliases=("CIS-DI-0010",),
    message="{path} holds {what} in layer {where}: whoever has the image has the key",
    page="""A file of some layer holds a private key: the line that begins one, and key material behind it.

Looked for by content in every layer, whatever the file is called and whether a container can still
see it: a file that a later step deletes stays in the layer that wrote it. The message says which
layer to read it from. PEM, PKCS#8, OpenSSH, PGP and PuTTY's format are known; an encrypted key is a
warning, since it takes its passphrase, too. A key that stands in several files is one finding, which
names the others. Files of tests and documentation are left alone, and files that are as a package
brought them. Contents are looked at by `imglint audit` and `imglint image --secrets`, also inside of
compressed files and archives; where one can't be opened, the answer is `unknown`, unless something
else is found.
""",
    bad=(
        ImageExample(layers=({"srv/x": "-----BEGIN RSA PRIVATE KEY-----\n" + "a" * 64},)),
        ImageExample(layers=({"srv/x": "-----BEGIN PRIVATE KEY-----\n" + "a" * 64}, {"srv/x": None})),
        ImageExample(layers=({"srv/x.json": '{"key": "-----BEGIN PRIVATE KEY-----\\n' + "a" * 64},)),
        ImageExample(
            layers=({"srv/x": "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC,0\n\n" + "a" * 64},)
        ),
    ),
    good=(
        ImageExample(layers=({"srv/x": "-----BEGIN CERTIFICATE-----\n" + "a" * 64},)),
        ImageExample(layers=({"srv/x.py": 'HEAD = "-----BEGIN PRIVATE KEY-----"\n' + "a = 1\n" * 20},)),
        ImageExample(layers=({"usr/share/doc/x/key.pem": "-----BEGIN PRIVATE KEY-----\n" + "a" * 64},)),
    ),
)


@PRIVATE_KEY.contents
def private_keys(image: Image, scan: ContentScan) -> Outcome:
    from ...analyzer.tokens import ENCRYPTED_KEY
    from ...analyzer.tokens import PRIVATE_KEY as PLAIN_KEY

    for told in told_once(scan, lambda kind: kind in (PLAIN_KEY, ENCRYPTED_KEY)):
        encrypted = all(token.kind == ENCRYPTED_KEY for token in told.tokens)
        what = "an encrypted private key" if encrypted else "a private key"
        yield in_layer(PRIVATE_KEY, image, told, what=what)
    yield from left_unread(PRIVATE_KEY, scan)


TOKEN = Rule(
    code="AV0807",
    name="token-in-file",
    severity=Severity.ERROR,
    antipattern=8,
    aliases=("CIS-DI-0010",),
    message="{path} holds {what} in layer {where}; revoke it, and give a new one at start",
    page="""A file of some layer holds a credential of a well-known service.

Every file of every layer is searched, whatever it is called and whether a container can still see
it: a layer is pushed with all that it holds, also with what a later one deletes. Told by the marks,
lengths, characters and checksums that some fifty services give their keys: clouds (AWS, Google, Azure,
DigitalOcean, Alibaba), code hosts, registries, chats, payment, mail, models, and passwords in URLs.
docs/credentials.md has the list, and how many are found. A token whose checksum is wrong, a key for
tests and a JSON web token, which may have expired, are warnings. One that stands in several files is
one finding, which names the others. Examples from documentation are left alone, so are files of tests
and documentation, unless a checksum proves the token, and files that are as a package brought them.

Text of one, two and four bytes a character is read, and binary files, too. gzip, bzip2, xz, zstd, zip,
tar and Debian packages are unpacked, also in each other. Names of files, targets of links and what
whiteouts remove are searched like contents. A file that can't be looked into (another kind of
archive, an encrypted one, a sparse file) makes the answer `unknown`, unless something else is found.
Contents are looked at by `imglint audit` and `imglint image --secrets`. The values are never printed.

Revoke the credential first: who has pulled the image has it. Then mount it for the one RUN that
needs it, `RUN --mount=type=secret`, or give it to the container at start.
""",
    bad=(
        ImageExample(
            layers=({"app/app.env": "REGION=eu-central-1\nACCESS_KEY_ID=AKIA" + "QZ3XK7PLMN4RTUVW\n"},)
        ),
        ImageExample(layers=({"app/settings.py": "T = 'ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a'"},)),
        ImageExample(layers=({"a": "URL=postgres://app:s3cr3t" + "pass@db.internal:5432/shop"}, {"a": None})),
        ImageExample(layers=({"a": ("key: sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc").encode("utf-16")},)),
    ),
    good=(
        ImageExample(layers=({"app/app.env": "ID=AKIAIOSFODNN7EXAMPLE\nTOKEN=ghp_" + "x" * 36},)),
        ImageExample(layers=({"a": "postgres://user:password@localhost/ https://me:$TOKEN@db.internal/"},)),
        ImageExample(
            layers=({"a": "postgres://postgres:postgres@db.internal/ AKIA in AKIA-123 and ghp_short"},)
        ),
        ImageExample(layers=({"app/tests/test_a.py": "T = 'glpat-" + "q7Zt2Kx9LmB4vRn8WcY3'"},)),
    ),
)
_TOLD_TOKENS = 4
_TOLD_FILES = 3
_NAMES_AT_A_TIME = 4096


@TOKEN.contents
def tokens_in_files(image: Image, scan: ContentScan) -> Outcome:
    from ...analyzer.tokens import ENCRYPTED_KEY, FILE_CREDENTIALS
    from ...analyzer.tokens import PRIVATE_KEY as PLAIN_KEY

    for told in told_once(scan, lambda kind: kind not in (PLAIN_KEY, ENCRYPTED_KEY, FILE_CREDENTIALS)):
        shown = [f"{a_kind(token.kind)} ({_where(token)})" for token in told.tokens[:_TOLD_TOKENS]]
        rest = len(told.tokens) - len(shown)
        what = ", ".join(shown) + (f" and {rest} more" if rest else "")
        yield in_layer(TOKEN, image, told, what=what)
    yield from left_unread(TOKEN, scan)
    yield from _tokens_in_names(image)


def _tokens_in_names(image: Image) -> Outcome:
    """Paths, targets of links and what whiteouts name are in the layer, too. The paths are not said as they are."""
    from ...analyzer.tokens import find_tokens

    names = list(image.names())
    lines = (_line(name.text) for name in names)
    told = set()
    for token in find_tokens(iter(lambda: b"".join(islice(lines, _NAMES_AT_A_TIME)), b"")):
        name = names[(token.line or 1) - 1]
        line = _line(name.text)
        kept = line[: next((one.offset for one in find_tokens(iter([line]))), 0)].decode(errors="replace")
        if (name.layer, name.what, kept) in told:
            continue  # all that stands in a directory of such a name
        told.add((name.layer, name.what, kept))
        layer = image.layers[name.layer]
        yield TOKEN.finding(
            Place("image", layer=LayerRef(layer.index, layer.diff_id)),
            path=f"the {name.what} {kept}****",
            what=a_kind(token.kind),
            where=layer.index,
            proof={"what": name.what, "found": [token.kind]},
        )


def _line(name: str) -> bytes:
    return re.sub(r"[\n\0]", " ", name).encode("utf-8", "surrogateescape") + b"\n"


def _where(token: Token) -> str:
    inside = f"{token.inside}, " if token.inside else ""
    place = f"line {token.line}" if token.line is not None else f"byte {token.offset}"
    return inside + place + (f", {token.lower}" if token.lower else "")


class Told(NamedTuple):
    """A file with the credentials that no file before it has, and where else they stand."""

    entry: Entry
    tokens: tuple[Token, ...]
    others: tuple[tuple[Entry, Token], ...]


def told_once(scan: ContentScan, wanted: Callable[[str], bool]) -> Iterator[Told]:
    """The files with credentials of some kinds; each credential with the first file that has it alone."""
    places: dict[bytes, list[tuple[Entry, Token]]] = {}
    for entry, tokens in scan.tokens:
        for token in tokens:
            if wanted(token.kind):
                places.setdefault(token.identity, []).append((entry, token))
    for entry, tokens in scan.tokens:
        own = {
            token.identity: token
            for token in reversed(tokens)
            if wanted(token.kind) and places[token.identity][0][0] is entry
        }
        if own:
            others = (place for identity in reversed(own) for place in places[identity][1:])
            yield Told(
                entry,
                tuple(sorted(own.values(), key=lambda token: (token.inside, token.offset))),
                tuple(others),
            )


def in_layer(rule: Rule, image: Image, told: Told, /, **fields: str) -> Finding:
    """A finding about a file of a layer, whether it can be seen or not. `where` says the layer, and the other files."""
    entry = told.entry
    layer = image.layers[entry.layer]
    by = image.hidden_by(entry)
    proof = {
        "bytes": entry.size,
        "hidden_by": by,
        "found": [_proof(token) for token in told.tokens],
        "also": [
            {"layer": other.layer, "path": other.path, "inside": token.inside, "line": token.line}
            for other, token in told.others
        ],
    }
    told_fields: dict[str, Any] = {"path": f"/{entry.path}", "where": in_layer_text(image, told), **fields}
    return rule.finding(
        Place("image", layer=LayerRef(layer.index, layer.diff_id), path=entry.path),
        severity=Severity.WARNING if all(token.lower for token in told.tokens) else None,
        proof=proof,
        **told_fields,
    )


def in_layer_text(image: Image, told: Told) -> str:
    """The number of the layer, whose it is, whether the file is hidden, and where the same stands."""
    by = image.hidden_by(told.entry)
    deleted = "" if by is None else f", where it can be read though layer {by} hides it"
    base = "" if told.entry.layer in image.own_layers else " of the base"
    if base and image.base_is_guessed:
        base += " (guessed from the history's dates)"
    return f"{told.entry.layer}{base}{deleted}{_also(told)}"


def _proof(token: Token) -> dict[str, object]:
    from ...analyzer.tokens import FILE_CREDENTIALS

    # What the whole file is taken for has no place in it.
    hidden = ("identity", "certain", *(("offset",) if token.kind == FILE_CREDENTIALS else ()))
    return {name: value for name, value in token._asdict().items() if name not in hidden}


def _also(told: Told) -> str:
    """The other files that hold the same."""
    own = (told.entry.layer, told.entry.path)
    files = dict.fromkeys((entry.layer, entry.path) for entry, _ in told.others)
    files.pop(own, None)
    shown = [
        f"/{path}" + (f" (layer {layer})" if layer != told.entry.layer else "")
        for layer, path in list(files)[:_TOLD_FILES]
    ]
    rest = len(files) - len(shown)
    return f"; the same stands in {', '.join(shown)}" + (f" and {rest} more" if rest else "") if shown else ""


def left_unread(rule: Rule, scan: ContentScan) -> Outcome:
    """Files that could not be looked into may hold anything."""
    if scan.unread:
        first = scan.unread[0]
        count = len(scan.unread)
        files = f"{count} files" if count > 1 else "a file"
        reason = f"{files} could not be looked into: /{first.entry.path} is {first.why}"
        yield rule.skip("image", reason + (" and so on" if count > 1 else ""))
