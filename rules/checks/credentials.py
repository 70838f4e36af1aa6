"""Antipattern 8: credentials in the image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...analyzer.credentials import find_credentials, is_placeholder, mask, names_secret
from ..rule import ContainerExample, ImageExample, LayerRef, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage
    from ...analyzer.image import Image
    from ...runner import Observation

VALUE = Rule(
    code="AV0801",
    name="credential-value",
    severity=Severity.ERROR,
    antipattern=8,
    aliases=("DS-0031",),
    message="{kind} in plain text: whoever gets the image or its history can read it",
    page="""The value of a credential stands in the file.

ENV, LABEL and the text of every RUN are kept in the image's configuration and history, and
files written by a RUN stay in its layer even when they are deleted later. Told by the shape of
well-known services' keys, by user:password in URLs, by private key blocks, by
`curl --user name:password`, and by passwords fed to chpasswd. Use
`RUN --mount=type=secret`, or give it to the container at start. The value is never printed.
""",
    bad=(
        "FROM a\nENV AWS_KEY=AKIAIOSFODNN7EXAMPLA\n",
        "FROM a\nRUN git clone https://me:s3cr3t@example.org/x.git\n",
        "FROM a\nRUN echo 'root:toor' | chpasswd\n",
        "FROM a\nRUN curl -u me:s3cr3t https://example.org/\n",
        "FROM a\nCOPY <<EOF /root/.ssh/id\n-----BEGIN OPENSSH PRIVATE KEY-----\nEOF\n",
        ImageExample(config={"Env": ["A=ghp_0123456789abcdefghijABCDEFGHIJ012345"]}),
        ImageExample(config={"Labels": {"source": "https://me:s3cr3t@example.org/x.git"}}),
    ),
    good=(
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
        if one.start >= instruction.word.offset:
            yield VALUE.finding(line.span(one.start, one.end), kind=f"a {one.kind}")
    for heredoc in instruction.heredocs:
        for one in find_credentials(heredoc.body.value):
            yield VALUE.finding(heredoc.body.span(one.start, one.end), kind=f"a {one.kind}")


@VALUE.command("curl", "chpasswd", "sshpass")
def values_in_commands(command: Command, stage: Stage) -> Outcome:
    if command.name == "chpasswd":
        if command.pipe:
            for one in command.script.pipeline(command.pipe):
                for word in one.args if one.name in ("echo", "printf") else ():
                    if re.match(r"[\w.-]+:[^$\s]+", word.value):
                        yield VALUE.finding(word.span, kind="a login password")
        return
    flags = ("-u", "--user") if command.name == "curl" else ("-p",)
    for flag, word in zip(command.args, command.args[1:], strict=False):
        secret = word.value.partition(":")[2] if command.name == "curl" else word.value
        if flag.value in flags and secret and "$" not in secret:
            yield VALUE.finding(word.span, kind=f"a password for {command.name}")


@VALUE.image
def values_in_configuration(image: Image) -> Outcome:
    places = [("ENV " + name, value) for name, value in image.config.env]
    places += [(f"label {name}", value) for name, value in image.config.labels.items()]
    places += [(f"step {one.index} of the history", one.created_by) for one in image.steps]
    for where, text in places:
        for one in find_credentials(text):
            yield VALUE.finding(Place("image"), kind=f"{where} holds a {one.kind}", proof={"where": where})


NAMED = Rule(
    code="DL3064",
    name="secret-in-variable",
    severity=Severity.WARNING,
    antipattern=8,
    aliases=("SecretsUsedInArgOrEnv", "CIS-DI-0010"),
    message="{keyword} {name} is given a value, and {keyword} values stay readable in the {where}",
    page="""A variable whose name says that it is a secret has a value.

ENV is in the configuration of the image and of every container; ARG values are in the history.
Names are read word by word: `DB_PASSWORD` and `apiKey` are meant, `TOKENIZER`, `PASSWORD_FILE`,
`USERNAME` and the fingerprints of public keys (`NGINX_GPGKEY`) are not, nor are empty values and
placeholders. In an image, build arguments that the history has kept are told, too.
""",
    bad=(
        "FROM a\nENV DB_PASSWORD=hunter2\n",
        "FROM a\nARG API_KEY=0a1b2c3d\n",
        "FROM a\nENV authToken s3cr3t\n",
        ImageExample(config={"Env": ["DB_PASSWORD=hunter2"]}),
        ImageExample(steps=("|1 TOKEN=hunter22 /bin/sh -c make",)),
        ContainerExample({"environment": {"DB_PASSWORD": "hunter2"}}),
    ),
    good=(
        "FROM a\nENV USERNAME=vscode PASSWORD_FILE=/run/x TOKENIZER=bpe PUBLIC_KEY=x A_PASSWORDLESS_SUDO=1\n",
        "FROM a\nENV NGINX_GPG_KEY=573BFD6B3D8FBC641079A6ABABF5BD827BD9BF62 KMS_KEY_ALIAS=x\n",
        "FROM a\nARG TOKEN\nENV PASSWORD=\n",
        "FROM a\nENV ALLOW_EMPTY_PASSWORD=yes\n",
        ImageExample(config={"Env": ["PASSWORD_FILE=/run/secrets/x"]}),
        ContainerExample({"environment": {"DB_HOST": "db", "DB_PASSWORD": ""}}),
    ),
)


@NAMED.instruction("ENV", "ARG")
def secret_names(instruction: Instruction, stage: Stage) -> Outcome:
    for name, value in instruction.pairs:
        if value is None or is_placeholder(value.value) or not names_secret(name.value):
            continue
        where = "image's configuration" if instruction.keyword == "ENV" else "image's history"
        yield NAMED.finding(name.span, keyword=instruction.keyword, name=name.value, where=where)


_BUILD_ARGUMENTS = re.compile(r"(?:RUN )?\|\d+ (?P<args>.*?)(?= /|$)")


@NAMED.image
def secret_names_in_configuration(image: Image) -> Outcome:
    for name, value in image.config.env:
        if names_secret(name) and not is_placeholder(value):
            proof = {"Env": f"{name}=****"}
            yield NAMED.finding(Place("image"), keyword="ENV", name=name, where="configuration", proof=proof)
    for step in image.steps:
        match = _BUILD_ARGUMENTS.match(step.created_by)
        for pair in match["args"].split() if match else ():
            name, equals, value = pair.partition("=")
            if equals and names_secret(name) and not is_placeholder(value):
                step_proof = {"step": step.index, "created_by": mask(step.created_by)[:200]}
                yield NAMED.finding(
                    Place("image"), keyword="ARG", name=name, where="history", proof=step_proof
                )


@NAMED.container
def secret_names_in_environment(observation: Observation) -> Outcome:
    for name, value in sorted(observation.environment.items()):
        if names_secret(name) and not is_placeholder(value):
            place = Place("container", subject="environment of PID 1")
            yield NAMED.finding(place, keyword="ENV", name=name, where="environment of PID 1")


KEY_FILE = Rule(
    code="AV0802",
    name="key-file",
    severity=Severity.ERROR,
    antipattern=8,
    aliases=("CIS-DI-0010",),
    message="{path} holds credentials by its name, and every layer can be read by whoever has the image{deleted}",
    page="""A file that holds credentials is put into the image.

Private keys, .env files, .npmrc, .netrc, .git-credentials, cloud and Kubernetes credentials.
Deleting it in a later step changes nothing: each layer is a file of its own and is still there.
In the image every layer is looked at, also what later layers hide. Public keys (`*.pub`),
examples and templates are left alone. Mount it for the one RUN that needs it:
`RUN --mount=type=secret`.
""",
    bad=(
        "FROM a\nCOPY id_rsa /root/.ssh/\n",
        "FROM a\nCOPY .npmrc .env /srv/\n",
        ImageExample(layers=({"root/.ssh/id_rsa": "x"},)),
        ImageExample(layers=({"srv/.env": "x", "srv/a": "b"}, {"srv/.env": None})),
    ),
    good=(
        "FROM a\nCOPY id_rsa.pub .env.example /root/\n",
        "FROM a AS b\nFROM c\nCOPY --from=b /x/.env.sample /y\n",
        ImageExample(layers=({"root/.ssh/id_rsa.pub": "x", "srv/.env.example": "y"},)),
    ),
)

_KEY_FILES = re.compile(
    r"(?:^|/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.env(?:\.(?:local|prod|production|staging))?|\.npmrc|\.netrc|\.pypirc"
    r"|\.git-credentials|\.pgpass|\.my\.cnf|\.htpasswd|kubeconfig|\.kube/config|\.docker/config\.json"
    r"|\.aws/credentials|credentials\.json|service[-_]account[\w-]*\.json|[\w.-]+\.(?:p12|pfx|jks|keystore|kdbx|ppk)"
    r"|[\w.-]*private[\w.-]*\.(?:pem|key)|server\.key|\.vault[-_]token|terraform\.tfstate)$"
)
_NOT_KEYS = re.compile(
    r"(?:^|/)(?:usr/share|usr/lib|usr/local/lib|etc/ssl/certs|tests?|examples?|testdata|node_modules)/"
)


@KEY_FILE.instruction("COPY", "ADD")
def key_files_in_text(instruction: Instruction, stage: Stage) -> Outcome:
    if instruction.flag("from"):
        return
    for word in instruction.args[:-1]:
        path = word.value.strip("\"'")
        if _KEY_FILES.search(path):
            yield KEY_FILE.finding(word.span, path=path, deleted="")


@KEY_FILE.image
def key_files_in_layers(image: Image) -> Outcome:
    for layer in image.layers:
        for entry in layer.files:
            if not entry.is_file or not entry.size or not _KEY_FILES.search(entry.path):
                continue
            if _NOT_KEYS.search(entry.path):
                continue
            seen = image.tree.get(entry.path)
            hidden = seen is None or seen.layer != layer.index
            deleted = f"; later layers hide it, but layer {layer.index} still holds it" if hidden else ""
            place = Place("image", layer=LayerRef(layer.index, layer.diff_id), path=entry.path)
            proof = {"bytes": entry.size, "hidden": hidden}
            yield KEY_FILE.finding(place, path=f"/{entry.path}", deleted=deleted, proof=proof)
