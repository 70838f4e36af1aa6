"""Verification switched off: certificates, signatures and hashes that are no longer looked at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...analyzer.dockerfile import Command, Instruction, Stage, Word

_PAGE = """{summary}

What is fetched this way can be anything: whoever stands between the build and the server, or has
taken the mirror over, chooses what runs in the image. Install the missing certificate authority
or key instead (`ca-certificates`, `update-ca-certificates`, a signed key ring), and leave the
check on. A value that switches the check on is not reported, and a download that the same RUN compares
with a checksum or a signature is a note.
"""


def _flagged(
    code: str,
    name: str,
    programs: tuple[str, ...],
    switched_off: Callable[[Command], Word | None],
    message: str,
    summary: str,
    bad: tuple[str, ...],
    good: tuple[str, ...],
    aliases: tuple[str, ...] = (),
) -> Rule:
    """A rule about a flag of some programs; `switched_off` gives the word that does it."""
    rule = Rule(
        code=code,
        name=name,
        severity=Severity.WARNING,
        aliases=aliases,
        message=message,
        page=_PAGE.format(summary=summary),
        security=True,
        bad=tuple(f"FROM a\nRUN {one}\n" for one in bad),
        good=tuple(f"FROM a\nRUN {one}\n" for one in good),
    )

    @rule.command(*programs)
    def in_command(command: Command, stage: Stage) -> Outcome:
        word = switched_off(command)
        if word is not None:
            compared = command.name in ("curl", "wget") and _COMPARES.search(command.instruction.written)
            severity = Severity.INFO if compared else None
            yield rule.finding(word.span, word=word.value, program=command.name, severity=severity)

    return rule


# What is compared with a checksum or a signature can't be another file.
_COMPARES = re.compile(r"\b(?:sha\d+sum|shasum|md5sum|gpgv?2?|cosign|minisign)\b")


def _word(*flags: str, letters: str = "") -> Callable[[Command], Word | None]:
    """The word that is one of these flags, with or without a value, or holds one of these letters."""

    def find(command: Command) -> Word | None:
        for word in command.args:
            value = word.value
            if value == "--":
                return None
            if value.partition("=")[0] in flags and value.partition("=")[2] not in ("0", "false", "no"):
                return word
            short = value[:1] == "-" and value[:2] != "--" and value[1:].isalpha()
            if short and set(letters) & set(value[1:]):
                return word
        return None

    return find


def _curl_letters(command: Command) -> Word | None:
    # Letters behind one that takes a value belong to that value: -ok writes to a file named k.
    for word in command.args:
        value = word.value
        if value in ("--insecure", "--proxy-insecure"):
            return word
        if value[:1] == "-" and value[:2] != "--":
            for letter in value[1:]:
                if letter == "k":
                    return word
                if letter in "AbcCdDeEFhHKmoPQrtTuUwxXyYz":
                    break
    return None


CURL = _flagged(
    "CKV2_DOCKER_2", "curl-insecure", ("curl",), _curl_letters,
    "{word} makes curl accept any certificate, so that others can replace the file",
    "curl is told not to verify certificates.",
    bad=("curl -k https://example.org/x", "curl -fsSLk https://example.org/x", "curl --insecure https://x/"),
    good=("curl -fsSL https://example.org/x", "curl -ok https://example.org/x", "curl --cacert k x"),
)  # fmt: skip
WGET = _flagged(
    "CKV2_DOCKER_3", "wget-insecure", ("wget",), _word("--no-check-certificate"),
    "{word} makes wget accept any certificate, so that others can replace the file",
    "wget is told not to verify certificates.",
    bad=("wget --no-check-certificate https://example.org/x",),
    good=("wget https://example.org/x",),
)  # fmt: skip
APK = _flagged(
    "CKV2_DOCKER_7", "apk-untrusted", ("apk",), _word("--allow-untrusted"),
    "{word} installs packages without checking their signatures",
    "apk is told to install unsigned packages.",
    bad=("apk add --allow-untrusted ./b.apk",),
    good=("apk add --no-cache b",),
)  # fmt: skip
APT = _flagged(
    "CKV2_DOCKER_8", "apt-unauthenticated", ("apt-get", "apt", "aptitude"),
    _word("--allow-unauthenticated", "--no-gpg-check", "--allow-insecure-repositories"),
    "{word} installs packages without checking their signatures",
    "apt is told to install packages without a valid signature.",
    bad=("apt-get install -y --allow-unauthenticated b",),
    good=("apt-get install -y b",),
)  # fmt: skip
YUM = _flagged(
    "CKV2_DOCKER_9", "yum-nogpgcheck", ("yum", "dnf", "dnf5", "microdnf", "zypper"),
    _word("--nogpgcheck", "--nogpgchecks", "--no-gpg-checks"),
    "{word} installs packages without checking their signatures",
    "yum, dnf or zypper is told to install packages without checking signatures.",
    bad=("yum install -y --nogpgcheck b", "dnf --nogpgcheck install -y b"),
    good=("yum install -y b",),
)  # fmt: skip
RPM = _flagged(
    "CKV2_DOCKER_10", "rpm-nosignature", ("rpm",),
    _word("--nosignature", "--nodigest", "--noverify", "--nopgp", "--nogpg"),
    "{word} installs packages without checking their signatures",
    "rpm is told not to check signatures or digests.",
    bad=("rpm -i --nosignature https://example.org/b.rpm",),
    good=("rpm -i b.rpm",),
)  # fmt: skip
FORCE = _flagged(
    "CKV2_DOCKER_11", "apt-force-yes", ("apt-get", "apt", "aptitude"), _word("--force-yes"),
    "{word} answers yes to everything, even to unsigned packages and downgrades; use -y",
    "apt is told to force everything.",
    bad=("apt-get install -y --force-yes b",),
    good=("apt-get install -y b",),
)  # fmt: skip


def _trusted_host(command: Command) -> Word | None:
    pip = command.name.startswith("pip") or [word.value for word in command.args[:2]] == ["-m", "pip"]
    return _word("--trusted-host")(command) if pip else None


def _npm_off(command: Command) -> Word | None:
    words = command.args
    values = [word.value for word in words]
    for at, word in enumerate(words):
        name, equals, value = word.value.lstrip("-").partition("=")
        following = values[at + 1] if at + 1 < len(values) else ""
        if name == "strict-ssl" and (value if equals else following) == "false":
            return word
    return None


def _git_off(command: Command) -> Word | None:
    for at, word in enumerate(command.args):
        name, equals, value = word.value.partition("=")
        rest = [arg.value for arg in command.args[at + 1 : at + 2]]
        if name.lower().endswith(".sslverify") and (value if equals else "".join(rest)).lower() in (
            "false", "0", "no", "off",
        ):  # fmt: skip
            return word
    return None


def _yum_sslverify(command: Command) -> Word | None:
    for word in command.args:
        if word.value.lower().removeprefix("--setopt=").replace(" ", "") in (
            "sslverify=0",
            "sslverify=false",
        ):
            return word
    return None


def _variable(
    code: str,
    name: str,
    variables: tuple[str, ...],
    off: Callable[[str], bool],
    message: str,
    summary: str,
    bad: tuple[str, ...],
    good: tuple[str, ...],
    aliases: tuple[str, ...] = (),
    programs: tuple[str, ...] = (),
    switched_off: Callable[[Command], Word | None] = lambda command: None,
    kind: str = "program",
    ignored: Callable[[Stage, str], bool] = lambda stage, program: False,
) -> Rule:
    """A rule about variables that switch a check off: in ENV, ARG, export, or before a command.

    `kind` names the programs that read the variable; `ignored` says of a stage, and of a program ("" where
    none is named), that nothing reads it there.
    """
    rule = Rule(
        code=code,
        name=name,
        severity=Severity.WARNING,
        aliases=aliases,
        message=message,
        page=_PAGE.format(summary=summary),
        security=True,
        bad=tuple(f"FROM a\n{one}\n" for one in bad),
        good=tuple(f"FROM a\n{one}\n" for one in good),
    )
    wanted = {variable.lower() for variable in variables}
    program = programs[0] if programs else ""

    @rule.instruction("ENV", "ARG")
    def in_environment(instruction: Instruction, stage: Stage) -> Outcome:
        for word, value in instruction.pairs:
            if word.value.lower() not in wanted or value is None or not off(value.value.strip()):
                continue
            if ignored(stage, ""):
                continue
            kept = instruction.keyword == "ENV" and stage.shipped
            reach = f"every {kind} of the image" if kept else f"every {kind} that this stage runs"
            shown = f"{word.value}={value.value.strip()}"
            yield rule.finding(word.span, word=shown, reach=reach, program=program)

    @rule.instruction("RUN")
    def in_script(instruction: Instruction, stage: Stage) -> Outcome:
        line = instruction.line.value.lower()
        if not instruction.heredocs and not any(program in line for program in (*wanted, *programs)):
            return
        for command in stage.script(instruction).commands:
            exported = command.args if command.name in ("export", "env", "declare") else ()
            of = "RUN" if command.name in ("export", "declare") or not command.words else "command"
            # Without a command or -x a variable is the shell's own, unless it is exported elsewhere.
            own = not command.words or (command.name == "declare" and not command.has_flag("x"))
            if own and "export" not in instruction.written:
                continue
            for word in (*command.assignments, *exported):
                given, equals, value = word.value.partition("=")
                if equals and given.lower() in wanted and off(value) and not ignored(stage, command.name):
                    reach = f"the {kind}s of this {of}"
                    yield rule.finding(word.span, word=word.value, reach=reach, program=program)
            found = switched_off(command) if command.name in programs else None
            if found is not None:
                yield rule.finding(found.span, word=_with_value(found, command), program=command.name)

    return rule


def _with_value(found: Word, command: Command) -> str:
    """A setting as it was written, with its value: `strict-ssl false`, `http.sslVerify=false`."""
    if "=" in found.value:
        return found.value
    at = next(at for at, word in enumerate(command.args) if word is found)
    return " ".join(word.value for word in command.args[at : at + 2])


def _python_3(stage: Stage, program: str) -> bool:
    """Whether Python 3 is what runs: an official image of it, or its program by name."""
    base = stage.lineage[-1].reference
    official = base is not None and base.name == "python" and not (base.tag or "").startswith("2")
    return official or re.match(r"(?:python|pip)3", program) is not None


def _zero(value: str) -> bool:
    return value.lower() in ("0", "false", "no", "off")


def _set(value: str) -> bool:
    return value not in ("", "0") and value.lower() not in ("false", "no")


PIP = _variable(
    "CKV2_DOCKER_4", "pip-trusted-host", ("PIP_TRUSTED_HOST",), _set,
    "{word} makes pip download from this host without checking its certificate",
    "pip is told to trust a host without a certificate.",
    bad=("RUN pip install --trusted-host example.org b", "ENV PIP_TRUSTED_HOST=example.org"),
    good=("RUN pip install b", "ENV PIP_TRUSTED_HOST="),
    aliases=("CKV2_DOCKER_16",),
    programs=("pip", "pip2", "pip3", "python", "python3"),
    switched_off=_trusted_host,
)  # fmt: skip
PYTHON = _variable(
    "CKV2_DOCKER_5", "python-https-unverified", ("PYTHONHTTPSVERIFY",), _zero,
    "{word} turns certificate checks off for {reach}",
    "Python 2.7 is told not to verify certificates.\n\nPython 3 does not read this variable: its official"
    " images and `python3` are left alone.",
    bad=("ENV PYTHONHTTPSVERIFY=0", "RUN PYTHONHTTPSVERIFY=0 python x.py"),
    good=("ENV PYTHONHTTPSVERIFY=1", "RUN PYTHONHTTPSVERIFY=0 python3 x.py",
          "FROM python:3.12\nENV PYTHONHTTPSVERIFY=0"),
    kind="Python 2.7 program",
    ignored=_python_3,
)  # fmt: skip
NODE = _variable(
    "CKV2_DOCKER_6", "node-tls-unverified", ("NODE_TLS_REJECT_UNAUTHORIZED",), _zero,
    "{word} turns certificate checks off for {reach}",
    "Node is told not to verify certificates.",
    bad=("ENV NODE_TLS_REJECT_UNAUTHORIZED=0", "RUN export NODE_TLS_REJECT_UNAUTHORIZED=0 && npm ci"),
    good=("ENV NODE_TLS_REJECT_UNAUTHORIZED=1", "RUN NODE_TLS_REJECT_UNAUTHORIZED=0; npm ci"),
    kind="Node program",
)  # fmt: skip
NPM = _variable(
    "CKV2_DOCKER_12", "npm-strict-ssl-off", ("NPM_CONFIG_STRICT_SSL",), _zero,
    "{word} makes {program} download packages without checking certificates",
    "npm is told not to verify certificates.",
    bad=("ENV NPM_CONFIG_STRICT_SSL=false", "RUN npm config set strict-ssl false",
         "RUN npm install --strict-ssl=false"),
    good=("ENV NPM_CONFIG_STRICT_SSL=true", "RUN npm config set strict-ssl true"),
    aliases=("CKV2_DOCKER_13",),
    programs=("npm", "yarn", "pnpm"),
    switched_off=_npm_off,
)  # fmt: skip
GIT = _variable(
    "CKV2_DOCKER_14", "git-ssl-unverified", ("GIT_SSL_NO_VERIFY",), _set,
    "{word} makes git clone without checking certificates",
    "git is told not to verify certificates.",
    bad=("ENV GIT_SSL_NO_VERIFY=1", "RUN GIT_SSL_NO_VERIFY=true git clone https://example.org/x",
         "RUN git config --global http.sslVerify false", "RUN git -c http.sslVerify=false clone x"),
    good=("ENV GIT_SSL_NO_VERIFY=0", "RUN git config --global http.sslVerify true"),
    programs=("git",),
    switched_off=_git_off,
)  # fmt: skip
YUM_SSL = _variable(
    "CKV2_DOCKER_15", "yum-sslverify-off", ("SSLVERIFY",), _zero,
    "{word} makes the package manager download packages without checking certificates",
    "yum or dnf is told not to verify certificates.",
    bad=("RUN yum --setopt=sslverify=0 install -y b", "RUN echo 'sslverify=false' >> /etc/yum.conf"),
    good=("RUN yum --setopt=sslverify=1 install -y b",),
    programs=("yum", "dnf", "dnf5", "microdnf", "echo", "printf"),
    switched_off=_yum_sslverify,
)  # fmt: skip
