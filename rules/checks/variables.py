"""Variables: used where nothing sets them, and written in forms that builders drop."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..rule import Edit, Outcome, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...analyzer.dockerfile import Dockerfile, Instruction, Stage, VariableUse, Word

UNDEFINED = Rule(
    code="UndefinedVar",
    name="undefined-variable",
    severity=Severity.WARNING,
    message="nothing sets ${name} here, so it expands to nothing{meant}",
    page="""A variable is used that neither ARG nor ENV sets before.

The builder puts nothing in its place, without a word: `COPY app $APP_DIR/` copies to `/`. Common
causes are a typo, and an ARG before the first FROM that the stage does not declare again. Only
what the builder itself expands is looked at, never the text of a RUN or the body of a
here-document. `${name:-default}` says what to do and is left alone. So are variables that the
base image sets by all appearances: PATH, what is named after the image, and what images
customarily set. Of an image that nobody knows here anything may come, so that this is a note.
""",
    bad=(
        "FROM debian:12\nCOPY app $APP_DIR/\n",
        "ARG VERSION=1\nFROM debian:12\nLABEL version=$VERSION\n",
        "FROM debian:12\nENV A=$B\n",
        "FROM node:20\nENV NODE_ENV=production\nWORKDIR /srv/${NODE_EVN}\n",
        "FROM debian:12\nARG A\nFROM debian:12\nUSER $A\n",
    ),
    good=(
        "FROM debian:12\nENV PYTHONPATH=$PYTHONPATH:/srv\n",
        "FROM debian:12\nARG APP_DIR=/srv\nCOPY app $APP_DIR/\n",
        "FROM debian:12 AS a\nARG X=1\nFROM a\nLABEL x=$X\n",
        "FROM debian:12\nENV PATH=/srv/bin:$PATH A=${B:-c}\n",
        "FROM debian:12\nRUN echo $HOME\nCMD echo $HOME\n",
        "FROM debian:12\nCOPY <<EOF /x\n$not_ours\nEOF\n",
        "FROM tomcat:10\nCOPY app.war $CATALINA_HOME/webapps/\n",
        "FROM debian:12\nENV A='$b' C=\\$d\n",
        "FROM debian:12\nARG TARGETARCH\nCOPY app-$TARGETARCH /app\nENV P=$http_proxy\n",
    ),
)
UNDEFINED_IN_FROM = Rule(
    code="UndefinedArgInFrom",
    name="undefined-variable-in-from",
    severity=Severity.WARNING,
    message="no ARG before the first FROM sets ${name}, so the image's name lacks it{meant}",
    page="""FROM uses a variable that no ARG before the first FROM declares.

FROM sees only those, and what the builder knows of platforms. ENV and the ARGs of an earlier
stage do not reach it.
""",
    bad=("FROM debian:$VERSION\n", "FROM a AS b\nARG V=1\nFROM a:$V\n"),
    good=(
        "ARG VERSION=12\nFROM debian:$VERSION\n",
        "FROM --platform=$BUILDPLATFORM debian:${V:-12}\n",
        "FROM a AS b-amd64\nFROM b-$TARGETARCH\n",
    ),
)
EMPTY_FROM = Rule(
    code="InvalidDefaultArgInFrom",
    name="no-image-without-build-arguments",
    severity=Severity.WARNING,
    message="without --build-arg this is {image}, which is not an image name; give ARG {name} a default",
    page="""The defaults of the ARGs do not make up the name of an image.

`ARG VERSION` and `FROM debian:$VERSION` fail for everyone who does not know which build argument
to give. A default lets `docker build` work, and shows what kind of value is meant. An ARG without any
default may be meant as one that has to be given, so that this is a note; a default that names no image
is a mistake.
""",
    bad=("ARG BASE\nFROM $BASE\n", "ARG TAG\nFROM debian:${TAG}\n", "ARG T=a/\nFROM $T\n"),
    good=(
        "ARG BASE=debian:12\nFROM $BASE\n",
        "ARG TAG\nFROM debian:${TAG:-12}\n",
        "ARG SUFFIX\nFROM debian:12$SUFFIX\n",
        "FROM debian:12 AS a-amd64\nFROM a-$TARGETARCH\n",
        "FROM $NOT_AN_ARG\n",
        'ARG V=12\nFROM debian:"${V}"\n',
        "ARG R=example.org:5000\nFROM ${R}/a/b:1\n",
        "ARG R=localhost:5000\nFROM $R/a__b/c:1@sha256:" + "0" * 64 + "\n",
        'ARG V\nFROM debian${V:+":$V"}\n',
    ),
)
SAME_ENV = Rule(
    code="DL3044",
    name="variable-of-the-same-env",
    severity=Severity.ERROR,
    message="${name} is set by this same ENV, and not known in it yet: {value}; use a second ENV",
    page="""An ENV uses a variable that it sets itself.

All values of one ENV are expanded with what held before it, so the reference is empty or old.
Use two ENV instructions. A variable that is set before, as in `PATH=/x:$PATH`, is meant so, and
`${A:-default}` says itself what to do without it. `ENV PATH=/a:$PATH B=$PATH` gives B the old PATH. A
base image that nobody knows here may set the variable, so that it is a warning then.
""",
    bad=(
        "FROM a\nENV A=/srv B=$A/bin\n",
        "FROM a\nENV B=${A}/bin A=/srv\n",
        "FROM debian:12\nENV PATH=/a:$PATH B=$PATH/b\n",
    ),
    good=(
        "FROM a\nENV A=/srv\nENV B=$A/bin\n",
        "FROM a\nENV A=1\nENV A=2 B=$A\n",
        "FROM a\nENV PATH=/x:$PATH HOME=/y\n",
        "FROM a\nENV A=${A:-/srv} B=${A:-/srv}/bin\n",
        "FROM a\nENV A=b B='$A' C=\\$A\n",
        "FROM a\nARG A\nENV A=$A B=$A\n",
    ),
)
LEGACY = Rule(
    code="LegacyKeyValueFormat",
    name="legacy-key-value",
    severity=Severity.STYLE,
    default=False,
    message="`{keyword} name value` is the old notation; use {keyword} name=value",
    page="""ENV or LABEL with a blank instead of an equals sign.

Everything behind the blank becomes the value of one variable, so `ENV A b C=d` sets only A. The
notation is kept for old files; `name=value` says what it means.
""",
    bad=("FROM a\nENV A b\n", "FROM a\nLABEL a b c\n"),
    good=("FROM a\nENV A=b C=d\nLABEL a=b\n",),
)

_EXPANDING = ("ENV", "LABEL", "ARG", "ADD", "COPY", "WORKDIR", "EXPOSE", "USER", "VOLUME", "STOPSIGNAL")


@UNDEFINED.stage
def used_unset(stage: Stage) -> Outcome:
    from ...analyzer.dockerfile.stage import CUSTOMARY_VARIABLES, PREDEFINED_ARGS

    for instruction in stage.instructions:
        if instruction.keyword not in _EXPANDING or "$" not in instruction.line.value:
            continue
        known = stage.variables(instruction)
        # What an ENV sets and uses at once is another fault, or adds to what may be there.
        own = {name.value for name, _ in instruction.pairs} if instruction.keyword == "ENV" else set()
        for word, use in _uses(instruction):
            name = use.name
            if (
                use.guarded
                or name == "templateOption"  # no builder reads it, which is another finding
                or name in known
                or name in own
                or name in PREDEFINED_ARGS
                or not name.isidentifier()
            ):
                continue
            inherited = stage.inherits(name)
            meant = _meant(name, stage, known, 0.85 if inherited else 0.75)
            if inherited and (name in CUSTOMARY_VARIABLES or not meant):
                continue
            severity = UNDEFINED.severity
            if inherited is None and not meant:
                meant, severity = ", unless the base image sets it", Severity.INFO
            yield UNDEFINED.finding(
                word.part(use.start, use.end).span, name=name, meant=meant, severity=severity
            )


def _uses(one: Instruction) -> Iterator[tuple[Word, VariableUse]]:
    from ...analyzer.dockerfile import uses

    if one.keyword in ("ENV", "LABEL", "ARG"):
        words: Iterable[Word] = [part for pair in one.pairs for part in pair if part is not None]
    elif one.json is not None:
        words = one.json
    else:
        words = (one.value,)
    for word in words:
        for use in uses(word.raw, one.escape):
            yield word, use


def _meant(name: str, stage: Stage, known: Iterable[str], likeness: float) -> str:
    """What to say of a name that nothing sets: the ARG that has to be declared again, or a typo."""
    if name in stage.file.global_args:
        return f": declare ARG {name} again in this stage"
    return _nearest(name, known, likeness)


def _nearest(name: str, known: Iterable[str], likeness: float = 0.75) -> str:
    import difflib

    close = difflib.get_close_matches(name, sorted(known), 1, likeness)
    return f"; did you mean ${close[0]}?" if close else ""


@UNDEFINED_IN_FROM.instruction("FROM")
def unset_in_from(instruction: Instruction, stage: Stage) -> Outcome:
    from ...analyzer.dockerfile import PREDEFINED_ARGS, uses

    known = stage.file.global_args
    words = [stage.base] + [flag.word for flag in instruction.flags]
    for word in words:
        for use in uses(word.raw, instruction.escape):
            if not use.guarded and use.name not in known and use.name not in PREDEFINED_ARGS:
                span = word.part(use.start, use.end).span
                yield UNDEFINED_IN_FROM.finding(span, name=use.name, meant=_nearest(use.name, known))


@EMPTY_FROM.dockerfile
def no_default(file: Dockerfile) -> Outcome:
    from ...analyzer.dockerfile import expand, uses
    from ...analyzer.dockerfile.stage import PLATFORM_ARGS
    from ...analyzer.dockerfile.words import unquote

    # What a build without arguments has: an ARG that has no default is empty.
    defaults: dict[str, str | None] = {}
    for one in file.preamble:
        for name, value in one.pairs if one.keyword == "ARG" else ():
            given = file.build_args.get(name.value)
            if given is None:
                given = expand(value.value, defaults, file.escape) if value else ""
            defaults[name.value] = given
    for stage in file.stages:
        used = [use.name for use in uses(stage.base.raw, file.escape)]
        if not used or any(name not in defaults or name in PLATFORM_ARGS for name in used):
            continue
        image = expand(unquote(stage.base.raw, file.escape), defaults, file.escape)
        if image is not None and not _names_an_image(image):
            lacking = next((one for one in used if not defaults[one]), used[0])
            shown = f"`{image}`" if image else "empty"
            severity = None if defaults[lacking] else Severity.INFO
            yield EMPTY_FROM.finding(stage.base.span, image=shown, name=lacking, severity=severity)


def _names_an_image(name: str) -> bool:
    return re.fullmatch(
        r"(?:[\w.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::\w[\w.-]*)?(?:@[a-z0-9]+:[0-9a-f]+)?",
        name if "/" in name else name.lower(),
    ) is not None  # fmt: skip


@SAME_ENV.instruction("ENV")
def used_in_its_own_env(instruction: Instruction, stage: Stage) -> Outcome:
    from ...analyzer.dockerfile import uses

    if len(instruction.pairs) < 2:
        return
    known = stage.variables(instruction)
    own = {name.value for name, _ in instruction.pairs}
    for name, value in instruction.pairs:
        for use in uses(value.raw, instruction.escape) if value else ():
            if use.name not in own or use.name == name.value or use.name in known or use.guarded:
                continue
            span = value.part(use.start, use.end).span  # type: ignore[union-attr]
            # Every image has a PATH; what others come with, only the known ones tell.
            old = use.name == "PATH"
            empty = not old and stage.inherits(use.name) is False
            what = (
                "it is the old one here"
                if old
                else "it is empty here"
                if empty
                else "it is empty or old here"
            )
            severity = None if empty else Severity.WARNING
            yield SAME_ENV.finding(span, name=use.name, value=what, severity=severity)


@LEGACY.instruction("ENV", "LABEL")
def old_notation(instruction: Instruction, stage: Stage) -> Outcome:
    if len(instruction.pairs) != 1:
        return
    name, value = instruction.pairs[0]
    # Between the two stands the equals sign, or blanks in the old notation.
    if value is None or instruction.line.value[name.offset + len(name.raw)] == "=":
        return
    fix = None
    if next(iter(swallowed_names(instruction, stage)), None):
        return  # that notation hides a fault of its own, which a fix would make for good
    if not value.raw.startswith(('"', "'")) and "\n" not in value.raw and value.span.line == name.span.line:
        quoted = value.raw if re.fullmatch(r"[^\s\"'\\]+", value.raw) else f'"{_escaped(value.raw)}"'
        start, end = name.span, value.span
        fix = Edit(
            start._replace(end_line=end.end_line, end_column=end.end_column),
            f"{name.raw}={quoted}",
            safe=True,
        )
    yield LEGACY.finding(name.span, keyword=instruction.keyword, fix=fix)


def _escaped(raw: str) -> str:
    return raw.replace('"', '\\"')


SWALLOWING = Rule(
    code="IL033",
    name="env-swallows-the-next",
    severity=Severity.ERROR,
    message="this sets only {first}, to `{value}`, and never {second}; use {first}=… {second}=…",
    page="""ENV in the old notation is given more than one variable.

Without an equals sign behind the first name everything that follows is its value:
`ENV LANG C.UTF-8 TZ UTC` sets LANG to `C.UTF-8 TZ UTC`, and no TZ. So does `ENV A b C=d`. Write
`ENV LANG=C.UTF-8 TZ=UTC`. Told where the rest holds another assignment, or a name in capitals and
its value.
""",
    bad=("FROM a\nENV LANG C.UTF-8 TZ UTC\n", "FROM a\nENV A b C=d\n", "FROM a\nENV A_B c \\\n    D_E f\n"),
    good=(
        "FROM a\nENV A=b C=d\nENV LANG C.UTF-8\n",
        "FROM a\nENV JAVA_OPTS -Da=b -Xmx1g\nENV OPTS --x=y A\n",
        'FROM a\nENV GREETING "HELLO TO YOU"\nENV WORDS THE QUICK FOX\n',
        "FROM a\nENV CFLAGS -O2 -DNAME=1\nLABEL note A=b\n",
    ),
)
_NAME = r"[A-Z][A-Z0-9]*_[A-Z0-9_]*|TZ|LANG|LANGUAGE|HOME|PATH|TERM"


@SWALLOWING.instruction("ENV")
def swallowed_names(instruction: Instruction, stage: Stage) -> Outcome:
    if len(instruction.pairs) != 1 or instruction.value.raw.partition("=")[0].split()[1:] == []:
        return
    name, value = instruction.pairs[0]
    if value is None or value.raw[:1] in ("'", '"', "-"):
        return
    words = value.raw.replace("\\", " ").split()
    # `ENV A b C=d`, and `ENV A b C d`: a value, a name, a value, and so on.
    second = next((word.partition("=")[0] for word in words[1:] if re.match(r"[A-Za-z_]\w*=", word)), "")
    if (
        not second
        and len(words) > 2
        and len(words) % 2
        and all(re.fullmatch(_NAME, one) for one in words[1::2])
    ):
        second = words[1]
    if second:
        shown = value.raw if len(value.raw) <= 40 else value.raw[:39] + "…"
        yield SWALLOWING.finding(name.span, first=name.value, second=second, value=" ".join(shown.split()))


SUBSTITUTION = Rule(
    code="IL034",
    name="command-in-variable",
    severity=Severity.ERROR,
    message="no shell reads {keyword}: {name} is set to the text {value}; run the command in a RUN",
    page="""ENV, ARG or another instruction holds a command substitution.

The builder replaces variables and nothing else. ``ENV D=`pwd` `` and `ENV D=$(pwd)` set D to these very
characters, and where it is used in a shell they stay text, too. A RUN can set a variable for itself, or
write what it finds out into a file; a build argument can bring the value from outside.
""",
    bad=("FROM a\nENV D=`pwd`\n", 'FROM a\nENV V="$(date +%s)"\n', "FROM a\nARG V=`uname -m`\n"),
    good=(
        "FROM a\nENV A=$B C='`x`' D=\\$(x)\nENV E=$((1+2))\n",
        "FROM a\nENV PS1='$(pwd) '\n",
        "FROM a\nRUN V=$(pwd) x\n",
    ),
)


@SUBSTITUTION.instruction("ENV", "ARG")
def substituted_values(instruction: Instruction, stage: Stage) -> Outcome:
    if stage.file.escape == "`" or (
        instruction.keyword == "ENV" and any(not value for _, value in instruction.pairs)
    ):
        return  # the second is no ENV that a builder takes
    for name, value in instruction.pairs:
        # What is quoted singly, or escaped, is meant for a shell that reads it later.
        plain = re.sub(r"'[^']*'|\\.", "", value.raw) if value else ""
        found = re.search(r"`[^`]*`?|\$\((?!\()[^)]*\)?", plain)
        if value and found and not re.match(r"PS\d$|PROMPT", name.value):
            yield SUBSTITUTION.finding(
                value.span, keyword=instruction.keyword, name=name.value, value=found[0].strip()
            )
