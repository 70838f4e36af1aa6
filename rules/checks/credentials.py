"""Antipattern 8: credentials in the image."""

from __future__ import annotations

import functools
import re
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from ...analyzer.credentials import find_credentials, is_made_up, is_placeholder, mask, names_secret
from ..rule import ContainerExample, ImageExample, LayerRef, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ...analyzer.dockerfile import Command, Instruction, Stage, Word
    from ...analyzer.image import Entry, Image
    from ...analyzer.image.scan import ContentScan
    from ...analyzer.tokens import Token
    from ...runner import Observation
    from ..rule import Finding

# For the examples. Put together here, so that no search for credentials finds them in this file.
_AWS = "".join(("AKIA", "IOSFODNN7EXAMPLA"))
_GITHUB = "".join(("ghp_", "0123456789abcdefghijABCDEFGHIJ012345"))

VALUE = Rule(
    code="AV0801",
    name="credential-value",
    severity=Severity.ERROR,
    antipattern=8,
    aliases=("DS-0031",),
    message="{kind} in plain text: whoever gets {holder} can read it",
    page="""The value of a credential stands in the file.

ENV, LABEL and the text of every RUN are kept in the image's configuration and history, and
files written by a RUN stay in its layer even when they are deleted later. In an image every string of
the configuration is searched: also CMD, ENTRYPOINT, HEALTHCHECK and comments. Told by the shape of
well-known services' keys, by user:password in URLs, by private key blocks, by
`curl --user name:password`, and by passwords fed to chpasswd. Passwords in URLs that only fill their
place are left alone: `user:password`, the user's name again, in a builder stage a server on the same
machine. Use
`RUN --mount=type=secret`, or give it to the container at start. The value is never printed.
""",
    bad=(
        f"FROM a\nENV AWS_KEY={_AWS}\n",
        "FROM a\nRUN git clone https://me:s3cr3t@example.org/x.git\n",
        "FROM a\nRUN echo 'root:toor' | chpasswd\n",
        "FROM a\nRUN curl -u me:s3cr3t https://example.org/\n",
        "FROM a\nCOPY <<EOF /root/.ssh/id\n-----BEGIN OPENSSH PRIVATE KEY-----\nEOF\n",
        ImageExample(config={"Env": [f"A={_GITHUB}"]}),
        ImageExample(config={"Labels": {"source": "https://me:s3cr3t@example.org/x.git"}}),
        ImageExample(config={"Cmd": ["/srv/app", f"--token={_GITHUB}"]}),
    ),
    good=(
        "FROM a AS b\nENV DATABASE_URL=mysql://app:password@db/shop\nRUN make\nFROM c\n",
        "FROM a\nENV U=postgres://postgres:postgres@db/x\n",
        "FROM a AS b\nENV U=redis://:hunter22@localhost:6379/0\nRUN make\nFROM c\n",
        "FROM a\nRUN DATABASE_URL=postgres://x:changeme@y/z ./manage.py collectstatic\n",
        "FROM a\nRUN git clone https://$USER:$TOKEN@example.org/x.git\n",
        "FROM a\nRUN git clone https://example.org/x.git && curl -u $U:$P https://example.org/\n",
        'FROM a\nRUN echo "root:$PASSWORD" | chpasswd\n',
        "FROM a\nRUN --mount=type=secret,id=aws cat /run/secrets/aws\n",
        ImageExample(config={"Env": ["A=b"]}),
    ),
)


@VALUE.instruction("ENV", "ARG", "LABEL", "RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK", "COPY", "ADD")
def values_in_text(instruction: Instruction, stage: Stage) -> Outcome:
    line = instruction.line
    for one in find_credentials(line.value):
        if one.start >= instruction.word.offset and not is_made_up(
            line.value, one, for_build=not stage.shipped
        ):
            yield VALUE.finding(line.span(one.start, one.end), kind=_a(one.kind), holder=_holder(stage))
    for heredoc in instruction.heredocs:
        body = heredoc.body
        for one in find_credentials(body.value):
            if not is_made_up(body.value, one, for_build=not stage.shipped):
                yield VALUE.finding(body.span(one.start, one.end), kind=_a(one.kind), holder=_holder(stage))


_IN_IMAGE = "the image or its history"


def _holder(stage: Stage) -> str:
    return _IN_IMAGE if stage.shipped else "this file or the build's cache"


@VALUE.command("curl", "chpasswd", "sshpass")
def values_in_commands(command: Command, stage: Stage) -> Outcome:
    if command.name == "chpasswd":
        if command.pipe:
            for one in command.script.pipeline(command.pipe):
                for word in one.args if one.name in ("echo", "printf") else ():
                    if re.match(r"[\w.-]+:[^$\s]+", word.value):
                        yield VALUE.finding(word.span, kind="a login password", holder=_holder(stage))
        return
    flags = ("-u", "--user") if command.name == "curl" else ("-p",)
    for flag, word in zip(command.args, command.args[1:], strict=False):
        secret = word.value.partition(":")[2] if command.name == "curl" else word.value
        if flag.value in flags and secret and "$" not in secret:
            yield VALUE.finding(word.span, kind=f"a password for {command.name}", holder=_holder(stage))


@VALUE.image
def values_in_configuration(image: Image) -> Outcome:
    for path, text in _strings(image.raw):
        where = _place_in_configuration(path)
        for one in find_credentials(text):
            place = Place("image", step=_step_of(image, path, text[one.start : one.end]))
            if is_made_up(text, one):
                continue
            yield VALUE.finding(
                place, kind=f"{where} holds {_a(one.kind)}", holder=_IN_IMAGE, proof={"where": where}
            )
    for tag in image.tags:
        for one in find_credentials(tag):
            yield VALUE.finding(
                Place("image"), kind=f"its tag holds {_a(one.kind)}", holder=_IN_IMAGE, proof={"where": "tag"}
            )


_Path = tuple[str | int, ...]


_KEYWORDS = {
    "Cmd": "CMD", "Entrypoint": "ENTRYPOINT", "Healthcheck": "HEALTHCHECK", "OnBuild": "ONBUILD", "Shell": "SHELL",
    "StopSignal": "STOPSIGNAL", "User": "USER", "Volumes": "VOLUME", "WorkingDir": "WORKDIR", "ExposedPorts": "EXPOSE",
}  # fmt: skip


def _step_of(image: Image, path: _Path, value: str) -> int | None:
    """The step of the history that a place of the configuration comes from, as far as that says."""
    match path:
        case ("history", int(index), *_):
            return index
        case ("config", "Env", str(name)):
            return _setting_step(image, "ENV", name, value)
        case ("config", "Labels", str(name)):
            return _setting_step(image, "LABEL", name, value)
        case ("config", str(name), *_) if name in _KEYWORDS:
            return _setting_step(image, _KEYWORDS[name], "", value)
        case _:
            return None


def _setting_step(image: Image, keyword: str, name: str, value: str) -> int | None:
    """The last step that gives this value to a variable or a label, as far as the history says."""
    for step in reversed(image.steps):
        if step.text.startswith(f"{keyword} ") and name in step.text and value in step.text:
            return step.index
    return None


def _strings(value: Any, path: _Path = ()) -> Iterator[tuple[_Path, str]]:
    """Every string of an image's configuration, names included, and the path to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            # A name that is a token itself is not said.
            told = key if not find_credentials(key) else "****"
            if told != key:
                yield (*path, told), key
            yield from _strings(part, (*path, told))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            if path[-2:] == ("config", "Env") and isinstance(part, str):
                name, _, text = part.partition("=")
                yield from _strings(text, (*path, name))
                yield from _strings(name, (*path, "****")) if find_credentials(name) else ()
            else:
                yield from _strings(part, (*path, index))


def _place_in_configuration(path: _Path) -> str:
    match path:
        case ("config", "Env", name):
            return f"ENV {name}"
        case ("config", "Labels", name):
            return f"label {name}"
        case ("history", int(index), "created_by"):
            return f"step {index} of the history"
        case ("history", int(index), name):
            return f"the {name} of step {index} of the history"
        case ("config", str(name), *_):
            return name
        case _:
            return ".".join(str(part) for part in path)


NAMED = Rule(
    code="DL3064",
    name="secret-in-variable",
    severity=Severity.WARNING,
    antipattern=8,
    aliases=("SecretsUsedInArgOrEnv", "CIS-DI-0010"),
    message="{keyword} {name} {gets}, and {keyword} values stay readable in the {where}",
    page="""A variable whose name says that it is a secret has a value.

ENV is in the configuration of the image and of every container; ARG values are in the history. That is
so for `--build-arg` as well: an ARG without a value is told where the shipped stage runs something
behind it, since each RUN records the build arguments that it was given. Use `RUN --mount=type=secret`.
Names are read word by word: `DB_PASSWORD` and `apiKey` are meant, `TOKENIZER`, `PASSWORD_FILE`,
`USERNAME` and the fingerprints of public keys (`NGINX_GPGKEY`) are not, nor are empty values and
placeholders. In an image, build arguments that the history has kept are told, too.
""",
    bad=(
        "FROM a\nENV DB_PASSWORD=hunter2\n",
        "FROM a\nARG API_KEY=0a1b2c3d\n",
        "FROM a\nENV authToken s3cr3t\n",
        "FROM a\nARG NPM_TOKEN\nRUN npm ci\n",
        "FROM a\nARG GIT_TOKEN\nRUN git clone https://x:$GIT_TOKEN@example.org/o/r\n",
        ImageExample(config={"Env": ["DB_PASSWORD=hunter2"]}),
        ImageExample(steps=("|1 TOKEN=hunter22 /bin/sh -c make",)),
        ContainerExample({"environment": {"DB_PASSWORD": "hunter2"}}),
    ),
    good=(
        "FROM a\nENV USERNAME=vscode PASSWORD_FILE=/run/x TOKENIZER=bpe PUBLIC_KEY=x A_PASSWORDLESS_SUDO=1\n",
        "FROM a\nENV NGINX_GPG_KEY=573BFD6B3D8FBC641079A6ABABF5BD827BD9BF62 KMS_KEY_ALIAS=x\n",
        "FROM a\nARG TOKEN\nENV PASSWORD=\n",
        "FROM a AS b\nARG TOKEN\nRUN make\nFROM c\nCOPY --from=b /x /x\n",
        "FROM a\nENV PASSWORD_PROMPT=Password? DB_PASSWORD=**None** API_KEY=dummy-key\n",
        "FROM a\nENV ALLOW_EMPTY_PASSWORD=yes\nENV sa_password _\nENV API_TOKEN=${API_TOKEN}\n",
        ImageExample(config={"Env": ["PASSWORD_FILE=/run/secrets/x"]}),
        ContainerExample({"environment": {"DB_HOST": "db", "DB_PASSWORD": ""}}),
    ),
)


@NAMED.instruction("ENV", "ARG")
def secret_names(instruction: Instruction, stage: Stage) -> Outcome:
    for name, value in instruction.pairs:
        if not names_secret(name.value):
            continue
        if value is None:
            if instruction.keyword == "ARG" and _recorded(instruction, name.value, stage):
                yield NAMED.finding(
                    name.span, keyword="ARG", name=name.value, gets=_BY_ARGUMENT, where=_HISTORY
                )
            continue
        if is_placeholder(value.value) or _comes_from_nowhere(value, instruction, stage):
            continue
        where = _HISTORY if instruction.keyword == "ARG" else "image's configuration"
        yield NAMED.finding(
            name.span, keyword=instruction.keyword, name=name.value, gets=_A_VALUE, where=where
        )


def _comes_from_nowhere(value: Word, instruction: Instruction, stage: Stage) -> bool:
    """Whether a value is empty in the build: of variables that nothing sets, or of a command that nobody runs."""
    if "$" not in value.value and "`" not in value.value:
        return False
    if stage.expanded(value, instruction) == "" or value.value.startswith(("$(", "`")):
        return True
    used = re.fullmatch(r"\$(?:\{(\w+)\}|(\w+))", value.value)
    return used is not None and (used[1] or used[2]) not in stage.variables(instruction)


_HISTORY = "image's history"
_A_VALUE = "is given a value"
_BY_ARGUMENT = "gets its value by --build-arg"


def _recorded(arg: Instruction, name: str, stage: Stage) -> bool:
    """Whether the history of an image holds what --build-arg gives: a RUN behind ARG, in what is shipped."""
    if not stage.shipped:
        return False
    own, kept, last_run = _arguments(stage)
    return arg.start in own and name not in kept and arg.start < last_run  # what ENV keeps is told there


@functools.lru_cache(maxsize=8)
def _arguments(stage: Stage) -> tuple[frozenset[int], frozenset[str], int]:
    """Of a stage: where its ARGs stand, the words of its ENVs, and where its last RUN stands; -1 without any."""
    return (
        frozenset(one.start for one in stage.all("ARG")),
        frozenset(word for one in stage.all("ENV") for word in re.findall(r"\w+", one.value.raw)),
        max((one.start for one in stage.all("RUN")), default=-1),
    )


_BUILD_ARGUMENTS = r"(?:RUN )?\|\d+ (?P<args>.*?)(?= /|$)"


@NAMED.image
def secret_names_in_configuration(image: Image) -> Outcome:
    for name, value in image.config.env:
        if names_secret(name) and not is_placeholder(value):
            proof = {"Env": f"{name}=****"}
            yield NAMED.finding(
                Place("image"), keyword="ENV", name=name, gets=_A_VALUE, where="configuration", proof=proof
            )
    for step in image.steps:
        match = re.match(_BUILD_ARGUMENTS, step.created_by)
        for pair in match["args"].split() if match else ():
            name, equals, value = pair.partition("=")
            if equals and names_secret(name) and not is_placeholder(value):
                step_proof = {"step": step.index, "created_by": mask(step.created_by)[:200]}
                yield NAMED.finding(
                    Place("image", step=step.index),
                    keyword="ARG",
                    name=name,
                    gets=_A_VALUE,
                    where="history",
                    proof=step_proof,
                )


@NAMED.container
def secret_names_in_environment(observation: Observation) -> Outcome:
    for name, value in sorted(observation.environment.items()):
        if names_secret(name) and not is_placeholder(value):
            place = Place("container", subject="environment of PID 1")
            proof = {"environ": f"{name}=****"}
            yield NAMED.finding(
                place, keyword="ENV", name=name, gets=_A_VALUE, where="environment of PID 1", proof=proof
            )


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
    message="{program} logs in, and the credentials stay in the layer; use RUN --mount=type=secret",
    page="""A RUN logs in to a service, or writes a token into a configuration file.

`aws configure set`, `gcloud auth activate-service-account`, `az login -p`, `doctl auth init -t`,
`docker login`, and an `_authToken` written to .npmrc keep the credential in a file of the layer,
where it stays even when a later step deletes it. `RUN --mount=type=secret,id=…` lends it to one
command. A RUN with a secret mount, and files removed again in the same RUN, are left alone.
""",
    bad=(
        "FROM a\nRUN aws configure set aws_secret_access_key $KEY\n",
        'FROM a\nRUN echo "//registry.npmjs.org/:_authToken=${NPM_TOKEN}" > .npmrc && npm ci\n',
        "FROM a\nRUN az login -u me -p $PASSWORD\n",
    ),
    good=(
        "FROM a\nRUN --mount=type=secret,id=aws aws configure set aws_secret_access_key $(cat /run/secrets/aws)\n",
        'FROM a\nRUN echo "//r/:_authToken=${NPM_TOKEN}" > .npmrc && npm ci && rm -f .npmrc\n',
        "FROM a\nRUN aws configure set region eu-central-1 && az login --identity\n",
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
        shape is None and "_authToken=" in given and any(">" in one.operator for one in command.redirects)
    )
    if not written and not (shape and re.match(shape, given)):
        return
    if any(one.name == "rm" for one in command.script.following(command)):
        return
    program = "this" if shape is None else f"{command.name} {values[0]}"
    yield LOGIN.finding(command.words[0].span, program=program)


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


PRIVATE_KEY = Rule(
    code="AV0806",
    name="private-key-in-layer",
    severity=Severity.ERROR,
    antipattern=8,
    aliases=("CIS-DI-0010",),
    message="{path} holds a private key in layer {layer}{deleted}: whoever has the image has the key",
    page="""A file of some layer holds a private key: the line that begins one, and key material behind it.

Looked for by content in every layer, whatever the file is called and whether a container can still
see it: a file that a later step deletes stays in the layer that wrote it. The message says which
layer to read it from. Files of tests and documentation are left alone. Contents are looked at by
`imglint audit`, also inside of compressed files and archives; where one can't be opened, the answer
is `unknown`, unless something else is found.
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
    from .key_files import NOT_KEYS

    for entry, found in scan.tokens:
        keys = [
            token
            for token in found
            if token.kind == "private key" and not re.search(NOT_KEYS, f"{entry.path}/{token.inside}")
        ]
        if keys:
            yield _in_layer(PRIVATE_KEY, image, entry, keys)
    yield from _left_unread(PRIVATE_KEY, scan)


TOKEN = Rule(
    code="AV0807",
    name="token-in-file",
    severity=Severity.ERROR,
    antipattern=8,
    aliases=("CIS-DI-0010",),
    message="{path} holds {what} in layer {layer}{deleted}; revoke it, and give a new one at start",
    page="""A file of some layer holds a credential of a well-known service.

Every file of every layer is searched, whatever it is called and whether a container can still see
it: a layer is pushed with all that it holds, also with what a later one deletes. Told by the marks,
lengths and characters that services give their keys: access keys of AWS, tokens of GitHub, GitLab,
Slack, npm, PyPI, Docker Hub, DigitalOcean and Hugging Face, keys of Stripe, Google, SendGrid,
Anthropic and OpenAI, and passwords in URLs. Examples from documentation are left alone; so are JSON
web tokens, which are made to be passed on and mostly expired.

Text of one, two and four bytes a character is read, and binary files, too. gzip, bzip2, xz, zstd, zip,
tar and Debian packages are unpacked, also in each other. Names of files, targets of links and what
whiteouts remove are searched like contents. A file that can't be looked into (another kind of
archive, an encrypted one, a sparse file) makes the answer `unknown`, unless something else is found.
Contents are looked at by `imglint audit`. The values are never printed.

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
    ),
)
_TOLD_TOKENS = 4
_NAMES_AT_A_TIME = 4096


@TOKEN.contents
def tokens_in_files(image: Image, scan: ContentScan) -> Outcome:
    for entry, found in scan.tokens:
        tokens = [token for token in found if token.kind != "private key"]
        if tokens:
            told = [f"{_a(token.kind)} ({_where(token)})" for token in tokens[:_TOLD_TOKENS]]
            rest = len(tokens) - len(told)
            what = ", ".join(told) + (f" and {rest} more" if rest else "")
            yield _in_layer(TOKEN, image, entry, tokens, what=what)
    yield from _left_unread(TOKEN, scan)
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
            what=_a(token.kind),
            layer=layer.index,
            deleted="",
            proof={"what": name.what, "found": [token.kind]},
        )


def _line(name: str) -> bytes:
    return re.sub(r"[\n\0]", " ", name).encode("utf-8", "surrogateescape") + b"\n"


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "AO" or kind.startswith("npm") else f"a {kind}"


def _where(token: Token) -> str:
    inside = f"{token.inside}, " if token.inside else ""
    return inside + (f"line {token.line}" if token.line is not None else f"byte {token.offset}")


def _in_layer(
    rule: Rule, image: Image, entry: Entry, tokens: Sequence[Token], what: str = "a private key"
) -> Finding:
    """A finding about a file of a layer, whether it can be seen or not."""
    layer = image.layers[entry.layer]
    by = image.hidden_by(entry)
    deleted = "" if by is None else f", where it can be read though layer {by} hides it"
    place = Place("image", layer=LayerRef(layer.index, layer.diff_id), path=entry.path)
    proof = {
        "bytes": entry.size,
        "hidden_by": by,
        "found": [token._asdict() for token in tokens],
    }
    return rule.finding(
        place, path=f"/{entry.path}", layer=layer.index, deleted=deleted, proof=proof, what=what
    )


def _left_unread(rule: Rule, scan: ContentScan) -> Outcome:
    """Files that could not be looked into may hold anything."""
    if scan.unread:
        first = scan.unread[0]
        count = len(scan.unread)
        files = f"{count} files" if count > 1 else "a file"
        reason = f"{files} could not be looked into: /{first.entry.path} is {first.why}"
        yield rule.skip("image", reason + (" and so on" if count > 1 else ""))
