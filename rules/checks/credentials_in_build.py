"""Credentials that a build uses or makes, and leaves behind: logins, passwords, keys, tokens in URLs."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage

PASSWORD_SET = Rule(
    code="AV0803",
    name="login-password-set",
    severity=Severity.WARNING,
    antipattern=8,
    aliases=("CKV2_DOCKER_17",),
    message="{program} sets a login password that is the same in every container of the image",
    page="""A RUN sets the password of an account.

It stays in the image's /etc/shadow, where it can be guessed at leisure, and in the history when it
was written out or came from a build argument. A container needs no login: start the program as
the user it should run as.
""",
    bad=(
        'FROM a\nRUN echo "root:$PASSWORD" | chpasswd\n',
        "FROM a\nRUN usermod -p $HASH app\n",
        "FROM a\nRUN echo x | passwd --stdin app\n",
    ),
    good=(
        "FROM a\nRUN passwd -l root && passwd -d app && useradd -p '!' x\n",
        "FROM a\nRUN apt-get install passwd\n",
    ),
    shipped_only=True,
)


@PASSWORD_SET.command("chpasswd", "passwd", "usermod", "useradd")
def password_set(command: Command, stage: Stage) -> Outcome:
    values = [word.value for word in command.args]
    if command.name == "chpasswd":
        literal = command.pipe and any(
            re.match(r"[\w.-]+:[^$\s]+", word.value)
            for one in command.script.pipeline(command.pipe)
            if one.name in ("echo", "printf")
            for word in one.args
        )
        if not literal:  # a password that can be read here is the other rule's finding
            yield PASSWORD_SET.finding(command.words[0].span, program=command.name)
    elif command.name == "passwd":
        if "--stdin" in values or (command.pipe and command.pipe.part > 0):
            yield PASSWORD_SET.finding(command.words[0].span, program=command.name)
    else:
        for flag, value in pairwise(values):
            if flag in ("-p", "--password") and value.strip("'\"") not in ("", "!", "*", "!!", "x"):
                yield PASSWORD_SET.finding(command.words[0].span, program=command.name)


SHARED_KEYS = Rule(
    code="AV0804",
    name="key-made-in-build",
    severity=Severity.WARNING,
    antipattern=8,
    message="{program} makes a key during the build, so all containers share it; make it at start",
    page="""A private key is generated while the image is built.

Everyone who has the image has the key, and all containers have the same: host keys that prove
nothing, certificates that anyone can sign with. Make keys when the container starts, or mount them.
Keys for a self-signed certificate in a builder stage are left alone, since they are not shipped.
""",
    bad=(
        "FROM a\nRUN ssh-keygen -A\n",
        "FROM a\nRUN openssl req -x509 -newkey rsa:2048 -nodes -keyout /etc/k.pem -out /etc/c.pem -subj /CN=x\n",
        "FROM a\nRUN openssl genrsa -out /etc/x.key 2048\n",
    ),
    good=(
        "FROM a\nRUN ssh-keygen -R example.org && ssh-keyscan example.org >> /x\n",
        "FROM a\nRUN openssl x509 -in a.pem -noout\n",
        "FROM a AS b\nRUN ssh-keygen -A\nFROM c\n",
        "FROM a\nRUN ssh-keygen -t rsa -f /x && ./test && rm -f /x\n",
    ),
    shipped_only=True,
)


@SHARED_KEYS.command("ssh-keygen", "openssl")
def key_made(command: Command, stage: Stage) -> Outcome:
    values = [word.value for word in command.args]
    if command.name == "ssh-keygen":
        made = "-A" in values or "-t" in values or ("-f" in values and "-N" in values)
        made = made and not {"-R", "-F", "-l", "-y"} & set(values)
    else:
        made = values[:1] in (["genrsa"], ["genpkey"]) or (
            values[:1] == ["req"] and bool({"-newkey", "-keyout"} & set(values))
        )
    if not made or any(one.name == "rm" for one in command.script.following(command)):
        return
    yield SHARED_KEYS.finding(command.words[0].span, program=command.name)


LOGIN = Rule(
    code="AV0805",
    name="login-in-build",
    severity=Severity.WARNING,
    antipattern=8,
    message="{program} {does} a credential that stays in the layer; use RUN --mount=type=secret",
    page="""A RUN logs in to a service, or writes a token into a configuration file.

`aws configure set`, `gcloud auth activate-service-account`, `az login -p`, `doctl auth init -t`,
`docker login`, and an `_authToken` written to .npmrc keep the credential in a file of the layer,
where it stays even when a later step deletes it. `RUN --mount=type=secret,id=…` lends it to one
command. A RUN with a secret mount, and credentials taken out again in the same RUN (`rm`,
`docker logout`, `npm config delete`), are left alone.
""",
    bad=(
        "FROM a\nRUN aws configure set aws_secret_access_key $KEY\n",
        'FROM a\nRUN echo "//registry.npmjs.org/:_authToken=${NPM_TOKEN}" > .npmrc && npm ci\n',
        "FROM a\nRUN az login -u me -p $PASSWORD\n",
        "FROM a\nRUN npm config set //registry.npmjs.org/:_authToken $TOKEN && npm rm b && npm config delete c\n",
    ),
    good=(
        "FROM a\nRUN --mount=type=secret,id=aws aws configure set aws_secret_access_key $(cat /run/secrets/aws)\n",
        'FROM a\nRUN echo "//r/:_authToken=${NPM_TOKEN}" > .npmrc && npm ci && rm -f .npmrc\n',
        "FROM a\nRUN aws configure set region eu-central-1 && az login --identity\n",
        "FROM a\nRUN docker login -u me -p $P && docker pull b && docker logout\n",
        "FROM a\nRUN npm config set //r/:_authToken $T && npm ci && npm config delete //r/:_authToken\n",
        "FROM a\nRUN npm config set //r/:_authToken=$T; npm ci; sed -i /_authToken/d ~/.npmrc\n",
        "FROM a\nRUN az login -u me -p $P && az account show && az logout\n",
        "FROM a\nRUN gcloud auth activate-service-account --key-file k && gcloud auth revoke --all\n",
    ),
)


@LOGIN.command("aws", "gcloud", "az", "doctl", "docker", "echo", "printf", "npm")
def logged_in(command: Command, stage: Stage) -> Outcome:
    if any(
        flag.name == "mount" and "type=secret" in (flag.value or "") for flag in command.instruction.flags
    ):
        return
    values = [word.value for word in command.args]
    given = " ".join(values)
    shapes = {
        "aws": r"configure set (?:\S+\.)?aws_(?:secret_access_key|access_key_id|session_token)",
        "gcloud": r"auth activate-service-account",
        "az": r"login .*(?:-p|--password)\b",
        "doctl": r"auth init .*(?:-t|--access-token)\b",
        "docker": r"login .*(?:-p|--password)\b",
        "npm": r"config set \S*_auth",
    }
    shape = shapes.get(command.name)
    written = (
        shape is None
        and "_authToken=" in given
        and any(">" in redirect.operator for redirect in command.redirects)
    )
    if not written and not (shape and re.match(shape, given)):
        return
    if any(_takes_out(later, command) for later in command.script.following(command)):
        return
    program = "this" if shape is None else f"{command.name} {values[0]}"
    does = "logs in with" if command.name in ("gcloud", "az", "docker") else "writes"
    yield LOGIN.finding(command.words[0].span, program=program, does=does)


def _takes_out(later: Command, login: Command) -> bool:
    """Whether a later command removes what a login left: its file, or the credential in it."""
    if later.name in ("rm", "unlink", "shred", "truncate", "sed", "find"):
        return True
    words = {word.value for word in later.operands()}
    # What echo has written is npm's.
    if later.name != login.name and not (login.name in ("echo", "printf") and later.name == "npm"):
        return False
    if words & {"logout", "revoke", "clear"}:
        return True
    of_credentials = "auth" in words or any("_auth" in word for word in words)
    return of_credentials and bool(words & {"delete", "del", "rm", "remove", "unset"})


CLONED = Rule(
    code="AV0808",
    name="token-in-clone-url",
    severity=Severity.WARNING,
    antipattern=8,
    message="the clone's .git/config keeps the token; remove .git in this RUN, or use a credential helper",
    page="""A repository is cloned with a token in its URL.

`git clone` writes the URL, and so the token, into `.git/config`, which stays in the layer, even where
the token itself came from a secret mount. Clone in a builder stage, `rm -rf .git` in the same RUN, or
use `git -c http.extraHeader=…` or `RUN --mount=type=ssh`. Not told of build arguments, which the
history keeps in any case (DL3064), and not of stages that are not shipped.
""",
    bad=(
        "FROM a\nRUN --mount=type=secret,id=t git clone https://x:$(cat /run/secrets/t)@example.org/o/r /r\n",
    ),
    good=(
        "FROM a\nRUN git clone https://x:$(cat /run/secrets/t)@example.org/o/r /r && rm -rf /r/.git\n",
        "FROM a AS b\nRUN git clone https://x:$(cat /run/secrets/t)@example.org/o/r /r\nFROM c\nCOPY --from=b /r/x /x\n",
        "FROM a\nRUN git clone https://example.org/o/r /r\n",
    ),
    shipped_only=True,
)


@CLONED.command("git")
def cloned_with_token(command: Command, stage: Stage) -> Outcome:
    if not any(word.value in ("clone", "remote") for word in command.args):
        return
    known = {name.value for below in stage.lineage for one in below.all("ARG") for name, _ in one.pairs}
    for word in command.args:
        found = re.match(r"https?://[^/@]*?(\$\(.*?\)|\$\{?\w+\}?|`.*?`)@", word.value)
        if found is None or found[1].strip("${}") in known:
            continue
        if not any(one.name == "rm" for one in command.script.following(command)):
            yield CLONED.finding(word.span)
