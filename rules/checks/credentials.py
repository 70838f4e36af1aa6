"""Values of credentials in texts: a Dockerfile's, an image's configuration, a container's environment."""

from __future__ import annotations

import functools
import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from ...analyzer.credentials import (
    command_passwords,
    find_credentials,
    is_made_up,
    is_placeholder,
    mask,
    names_secret,
)
from ..rule import ContainerExample, ImageExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ...analyzer.dockerfile import Command, Instruction, Stage, Word
    from ...analyzer.image import Image
    from ...runner import Observation

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
`curl --user name:password`, and by passwords fed to chpasswd. A password or token that a RUN gives to
a program by a variable or an option (`PGPASSWORD=… psql`, `--password …`) is a warning. Passwords in
URLs that only fill their place are left alone: `user:password`, the user's name again, in a builder
stage a server on the same machine. Use
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
        "FROM a\nRUN PGPASSWORD=vq8Zk3Lm psql -h db -f x.sql\n",
        "FROM a\nRUN mysql -u shop -pvq8Zk3Lm < x.sql && mysqladmin -p shutdown\n",
        "FROM a\nRUN redis-cli -h c -a vq8Zk3Lm flushall\n",
        "FROM a\nRUN x login --user me --password vq8Zk3Lm && x get\n",
        ImageExample(steps=("RUN /bin/sh -c export MYSQL_PWD=vq8Zk3Lm && mysql < x # buildkit",)),
        ImageExample(steps=("/bin/sh -c x login --token=vq8Zk3Lm",)),
        ImageExample(steps=("RUN curl -u me:vq8Zk3Lm0x https://a.org # buildkit",)),
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
        "FROM a\nRUN SECRET_KEY=dummy ADMIN_PASSWORD=build-only PGPASSWORD=$P ./manage.py collectstatic\n",
        "FROM a\nRUN x --password-file /run/secrets/p --token /run/secrets/t --password=$(cat /x) --no-password y\n",
        "FROM a\nRUN mysql -p$P -P 3306 -p && redis-cli -a $P x && ./configure --with-pass=libpass\n",
        "FROM a\nRUN adduser -D --password x me && echo --password none > /usr/share/help\n",
        ImageExample(steps=("RUN /bin/sh -c PGPASSWORD=$P psql --password # buildkit",)),
        ImageExample(steps=("RUN curl -u $USER:$PASS https://a.org # buildkit",)),
    ),
)


@VALUE.instruction("ENV", "ARG", "LABEL", "RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK", "COPY", "ADD")
def values_in_text(instruction: Instruction, stage: Stage) -> Outcome:
    line = instruction.line
    for credential in find_credentials(line.value):
        if credential.start >= instruction.word.offset and not is_made_up(
            line.value, credential, for_build=not stage.shipped
        ):
            yield VALUE.finding(
                line.span(credential.start, credential.end),
                kind=a_kind(credential.kind),
                holder=_holder(stage),
            )
    for heredoc in instruction.heredocs:
        body = heredoc.body
        for credential in find_credentials(body.value):
            if not is_made_up(body.value, credential, for_build=not stage.shipped):
                yield VALUE.finding(
                    body.span(credential.start, credential.end),
                    kind=a_kind(credential.kind),
                    holder=_holder(stage),
                )


def a_kind(kind: str) -> str:
    """A kind of credential with its article."""
    return (
        f"an {kind}" if (kind[0] in "AOaeN" and kind[:2] != "Ne") or kind.startswith("npm") else f"a {kind}"
    )


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


# What is only there so that a step of the build runs, as SECRET_KEY=dummy ./manage.py collectstatic.
_FOR_THE_BUILD = re.compile(
    r"(?i).*(?:dummy|fake|test|build|example|placeholder|change|unused|not[-_ ]?used|temp)"
)
_ACCOUNTS = frozenset({"useradd", "usermod", "adduser", "groupadd", "gpasswd"})  # AV0803 speaks of those


@VALUE.command("mysql", "mysqladmin", "mysqldump", "mariadb", "mariadb-admin", "redis-cli")
def passwords_of_databases(command: Command, stage: Stage) -> Outcome:
    for word, follower in zip_longest(command.args, command.args[1:]):
        value = word.value[2:] if word.value.startswith("-p") else ""
        if command.name == "redis-cli":
            value = follower.value if word.value == "-a" and follower is not None else ""
        if value and not value.startswith("$") and not is_placeholder(value):
            kind = f"a password for {command.name}"
            yield VALUE.finding(word.span, severity=Severity.WARNING, kind=kind, holder=_holder(stage))


@VALUE.instruction("RUN")
def passwords_in_commands(instruction: Instruction, stage: Stage) -> Outcome:
    if _may_give(instruction.written):
        for command in stage.script(instruction).commands:
            for name, word in _given(command):
                kind = f"the value of {name} for {command.name}" if command.name else f"the value of {name}"
                yield VALUE.finding(word.span, severity=Severity.WARNING, kind=kind, holder=_holder(stage))


_GIVING = re.compile(
    r"(?:pass|pwd|token|rediscli_auth)[\w-]{0,20}=|--[\w-]{0,20}(?:pass|pwd|token)[\w-]{0,20}\s"
)


def _may_give(text: str) -> bool:
    """Whether it is worth reading the commands of a text: most give no password."""
    lower = text.lower()
    return ("pass" in lower or "pwd" in lower or "token" in lower or "_auth" in lower) and bool(
        _GIVING.search(lower)
    )


def _given(command: Command) -> Iterator[tuple[str, Word]]:
    """The passwords and tokens that are given to a command by a variable or an option, and the names of those."""
    pairs = [(*word.value.partition("=")[::2], word) for word in command.assignments]
    if command.name in ("export", "env"):
        pairs += [(*word.value.partition("=")[::2], word) for word in command.args if "=" in word.value]
    if command.name not in _ACCOUNTS:
        for word, follower in zip_longest(command.args, command.args[1:]):
            option, equals, value = word.value.partition("=")
            if option.startswith(("--with-", "--enable-", "--no-")):
                continue
            if option.startswith("--") and equals:
                pairs.append((option, value, word))
            elif option.startswith("--") and follower is not None and not follower.value.startswith("-"):
                pairs.append((option, follower.value, follower))
    for name, value, word in pairs:
        named = re.search(r"(?i)(?:passw(?:or)?d|pass|pwd|token)$", name) and names_secret(name.lstrip("-"))
        # What is expanded, read from a file, or stands for something is none.
        literal = len(value) >= 3 and not re.search(r"[$`<>{}]|^[/.~@]|://", value)
        if (
            (named or name in _CLIENTS)
            and literal
            and not is_placeholder(value)
            and not _FOR_THE_BUILD.match(value)
        ):
            yield name, word


_CLIENTS = frozenset({"PGPASSWORD", "MYSQL_PWD", "SSHPASS", "REDISCLI_AUTH"})


@VALUE.image
def passwords_in_steps(image: Image) -> Outcome:
    from ...analyzer.dockerfile import Dockerfile

    for step in image.steps:
        if not step.text.startswith("RUN ") or not _may_give(step.text):
            continue
        stage = Dockerfile.from_string(f"FROM scratch\n{step.text}\n").stages[0]
        names = {
            name
            for run in stage.all("RUN")
            for command in stage.script(run).commands
            for name, _ in _given(command)
        }
        for name in sorted(names):
            where = f"step {step.index} of the history"
            yield VALUE.finding(
                Place("image", step=step.index),
                severity=Severity.WARNING,
                kind=f"{where} holds the value of {name}",
                holder=_IN_IMAGE,
                proof={"where": where},
            )


@VALUE.image
def values_in_configuration(image: Image) -> Outcome:
    for path, text in _strings(image.raw):
        where = _place_in_configuration(path)
        for credential in find_credentials(text):
            place = Place("image", step=_step_of(image, path, text[credential.start : credential.end]))
            if is_made_up(text, credential):
                continue
            yield VALUE.finding(
                place,
                kind=f"{where} holds {a_kind(credential.kind)}",
                holder=_IN_IMAGE,
                proof={"where": where},
            )
        for start, end in command_passwords(text):
            yield VALUE.finding(
                Place("image", step=_step_of(image, path, text[start:end])),
                kind=f"{where} holds a password for a command",
                holder=_IN_IMAGE,
                proof={"where": where},
            )
    for tag in image.tags:
        for credential in find_credentials(tag):
            yield VALUE.finding(
                Place("image"),
                kind=f"its tag holds {a_kind(credential.kind)}",
                holder=_IN_IMAGE,
                proof={"where": "tag"},
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

ENV and LABEL are in the configuration of the image and of every container; ARG values are in the
history. That is so for `--build-arg` as well: an ARG without a value is told where the shipped stage
runs something behind it, since each RUN records the build arguments that it was given. Use
`RUN --mount=type=secret`.
Names are read word by word: `DB_PASSWORD` and `apiKey` are meant, `TOKENIZER`, `PASSWORD_FILE`,
`USERNAME` and the fingerprints of public keys (`NGINX_GPGKEY`) are not, nor are empty values and
placeholders. In an image, build arguments that the history has kept are told, too.
""",
    bad=(
        "FROM a\nENV DB_PASSWORD=hunter2\n",
        "FROM a\nARG API_KEY=0a1b2c3d\n",
        "FROM a\nENV authToken s3cr3t\n",
        "FROM a\nLABEL org.example.db_password=hunter22\n",
        "FROM a\nARG NPM_TOKEN\nRUN npm ci\n",
        "FROM a\nARG GIT_TOKEN\nRUN git clone https://x:$GIT_TOKEN@example.org/o/r\n",
        ImageExample(config={"Env": ["DB_PASSWORD=hunter2"]}),
        ImageExample(config={"Labels": {"org.example.db_password": "hunter22"}}),
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
        'FROM a\nLABEL org.example.password-file=/run/x org.example.token="" io.example.tokenizer=bpe\n',
        ImageExample(config={"Env": ["PASSWORD_FILE=/run/secrets/x"]}),
        ContainerExample({"environment": {"DB_HOST": "db", "DB_PASSWORD": ""}}),
    ),
)


@NAMED.instruction("ENV", "ARG", "LABEL")
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
    for name, value in image.config.labels.items():
        if names_secret(name) and not is_placeholder(value):
            yield NAMED.finding(
                Place("image"), keyword="LABEL", name=name, gets=_A_VALUE, where="configuration",
                proof={"Labels": f"{name}=****"},
            )  # fmt: skip
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
