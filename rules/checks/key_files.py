"""Files that hold credentials, by their names and by what is in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..rule import ContextExample, ImageExample, Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Instruction, Stage, Word
    from ...analyzer.image import Image
    from ...analyzer.image.scan import ContentScan

KEY_FILE = Rule(
    code="AV0802",
    name="key-file",
    severity=Severity.ERROR,
    antipattern=8,
    aliases=("CIS-DI-0010",),
    message="{path} {holds} credentials{told}, and whoever has the image can read every layer{where}",
    page="""A file that holds credentials is put into the image.

Private keys, .env files, .npmrc, .netrc, .git-credentials, cloud and Kubernetes credentials.
Deleting it in a later step changes nothing: each layer is a file of its own and is still there.
In the image every layer is looked at, also what later layers hide, and what is in the file decides: an
.npmrc with a registry alone, or with `${NPM_TOKEN}`, holds none. So it does in the text where the build
context is known (--context). Where it is not, a name says only that a file may hold some: a private
key is an error, other files are a warning, and an .npmrc, which mostly holds settings, is an open
question. Contents are looked at by `imglint audit`. Public keys (`*.pub`),
examples and templates are left alone. Mount it for the one RUN that needs it:
`RUN --mount=type=secret`.
""",
    bad=(
        "FROM a\nCOPY id_rsa /root/.ssh/\n",
        "FROM a\nCOPY .npmrc .env /srv/\n",
        "FROM a\nCOPY ssh /root/.ssh\n",
        "FROM a\nCOPY registry.json /root/.docker/config.json\n",
        ContextExample(
            "FROM a\nCOPY .npmrc /srv/\n", {".npmrc": "//registry.example.org/:_authToken=s3cr3ts3cr3t\n"}
        ),
        ImageExample(layers=({"root/.npmrc": "//registry.example.org/:_authToken=s3cr3ts3cr3t\n"},)),
        ImageExample(layers=({"srv/.env": "DB_PASSWORD=hunter22", "srv/a": "b"}, {"srv/.env": None})),
    ),
    good=(
        "FROM a\nCOPY id_rsa.pub .env.example /root/\n",
        "FROM a\nCOPY package.json .npmrc ./\nCOPY ssh/config known_hosts /root/.ssh/\n",
        ContextExample(
            "FROM a\nCOPY .npmrc .env /srv/\n", {".npmrc": "save-exact=true\n", ".env": "PORT=80\n"}
        ),
        ContextExample("FROM a\nCOPY credentials.json /srv/\n", {"credentials.json": "{}"}),
        "FROM a AS b\nFROM c\nCOPY --from=b /x/.env.sample /y\n",
        ImageExample(layers=({"root/.ssh/id_rsa.pub": "x", "srv/.env.example": "A_TOKEN=s3cr3ts3cr3t"},)),
        ImageExample(
            layers=({"root/.npmrc": "registry=https://example.org/\n//e/:_authToken=${NPM_TOKEN}\n"},)
        ),
        ImageExample(layers=({"root/.docker/config.json": '{"credsStore": "pass", "auths": {"a.io": {}}}'},)),
    ),
)

_KEY_FILES = (
    r"(?:^|/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.env(?:\.(?:local|prod|production|staging))?|\.npmrc|\.netrc|\.pypirc"
    r"|\.git-credentials|\.pgpass|\.my\.cnf|\.htpasswd|kubeconfig|\.kube/config|\.docker/config\.json"
    r"|\.aws/credentials|credentials\.json|service[-_]account[\w-]*\.json|[\w.-]+\.(?:p12|pfx|jks|keystore|kdbx|ppk)"
    r"|[\w.-]*private[\w.-]*\.(?:pem|key)|server\.key|\.vault[-_]token|terraform\.tfstate)$"
)

_CERTAIN = (
    r"(?:^|/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|[\w.-]+\.(?:p12|pfx|jks|keystore|kdbx|ppk)"
    r"|[\w.-]*private[\w.-]*\.(?:pem|key)|server\.key)$"
)
_LOGINS = r"(?:^|/)(?:\.docker/config\.json|\.aws/credentials|\.kube/config|\.netrc|\.git-credentials|\.pgpass|\.pypirc)$"
_SSH_HARMLESS = r"(?:\.pub|known_hosts|config|authorized_keys)[*\w]*$"


@KEY_FILE.instruction("COPY", "ADD")
def key_files_in_text(instruction: Instruction, stage: Stage) -> Outcome:
    if instruction.flag("from") or instruction.heredocs or len(instruction.args) < 2:
        return
    target = instruction.args[-1].value.strip("\"'")
    into_ssh = re.search(r"(?:^|/)\.ssh(?:/|$)", target) is not None
    for word in instruction.args[:-1]:
        path = word.value.strip("\"'")
        if re.search(_KEY_FILES, path):
            yield from _named_key_file(word, path, stage)
        elif into_ssh and not re.search(_SSH_HARMLESS, path) and not re.search(_SSH_HARMLESS, target):
            yield KEY_FILE.finding(
                word.span, severity=Severity.WARNING, path=path, holds="may hold", told=" for SSH", where=""
            )
        elif len(instruction.args) == 2 and re.search(_LOGINS, target):
            told = f", by the name of {target}"
            yield KEY_FILE.finding(
                word.span, severity=Severity.WARNING, path=path, holds="may hold", told=told, where=""
            )


def _named_key_file(word: Word, path: str, stage: Stage) -> Outcome:
    from ...analyzer.key_files import holds_credentials

    context = stage.file.context
    text = context.text(path.removeprefix("./").lstrip("/")) if context else None
    if text is not None:
        if holds_credentials(path, text.encode("utf-8", "replace")):
            yield KEY_FILE.finding(word.span, path=path, holds="holds", told="", where="")
    elif re.search(_CERTAIN, path):
        yield KEY_FILE.finding(word.span, path=path, holds="holds", told=" by its name", where="")
    elif path.endswith(".npmrc"):
        yield KEY_FILE.skip(
            "dockerfile", f"{path} may hold a token or settings alone: it is not at hand (--context)"
        )
    else:
        yield KEY_FILE.finding(
            word.span,
            severity=Severity.WARNING,
            path=path,
            holds="may hold",
            told=", by its name",
            where="",
        )


@KEY_FILE.contents
def key_files_in_layers(image: Image, scan: ContentScan) -> Outcome:
    from ...analyzer.tokens import FILE_CREDENTIALS
    from .credentials_in_layers import in_layer, in_layer_text, left_unread, told_once

    # What is a key or a token as well is the finding of those.
    for told in told_once(scan, lambda kind: kind == FILE_CREDENTIALS):
        where = in_layer_text(image, told)
        inside = f" ({told.tokens[0].inside})" if told.tokens[0].inside else ""
        yield in_layer(
            KEY_FILE,
            image,
            told,
            path=f"/{told.entry.path}{inside}",
            holds="holds",
            told="",
            where=f"; it stands in layer {where}",
        )
    yield from left_unread(KEY_FILE, scan)
