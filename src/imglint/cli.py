"""The command line as typer sees it: signatures and help. The work is in commands/."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, cast

import typer

from . import __version__
from .analyzer import InputError
from .config import Configuration, Settings
from .exits import Exit
from .lint_options import BOTH_CONFIGURATIONS, UsageError, build, choose, in_pairs, outputs, refuse_empty
from .option_values import (
    choice,
    codes_choice,
    engine_choice,
    fail_on_choice,
    format_choice,
    level_choice,
    name_values,
    profile_choice,
)
from .output import tell, write_bytes, write_own
from .reports.formats import FOR_PEOPLE, FORMATS, OF_IMAGES
from .rules.gates import Limits, parse_limits

app = typer.Typer(
    name="imglint",
    help="Lint the Dockerfile, measure the image, prove the container.",
    epilog="Examples: imglint Dockerfile · imglint image app.tar · imglint audit --image app:1.0 --run."
    " A path alone is linted. Exit codes: 0 clean, 1 findings, 2 bad usage or input, 3 nothing to check,"
    " 4 not a Dockerfile, 5 internal error, 130 interrupted.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=False,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        help=f"How to print: {', '.join(FORMATS)}. Repeat with --output.",
        autocompletion=format_choice,
    ),
]
ImageFormats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        help=f"How to print: {', '.join((*FORMATS, *OF_IMAGES))}. Repeat with --output.",
        autocompletion=choice((*FORMATS, *OF_IMAGES)),
    ),
]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output", "-o", help="Write the format before it to this file, or what .json, .sarif, .md say."
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        help="Only these rules instead of the profile: codes, prefixes, ALL.",
        autocompletion=codes_choice,
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", help="Leave these rules out: codes or prefixes.", autocompletion=codes_choice),
]
Extend = Annotated[
    list[str] | None,
    typer.Option("--extend-select", help="Add these rules: codes or prefixes.", autocompletion=codes_choice),
]
Level = Annotated[
    str | None,
    typer.Option(
        "--fail-level",
        help="The lowest severity that makes the exit code 1.  [default: warning]",
        autocompletion=level_choice,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", help="A set of rules; --select overrides it.", autocompletion=profile_choice),
]
Config = Annotated[
    str | None, typer.Option("--config", help="This configuration file for all, not the nearest one.")
]
Isolated = Annotated[bool, typer.Option("--isolated", help="Read no configuration file.")]
FailOnOption = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        help="The lowest level at which a disproved check fails the run; unknown: undecided checks fail it too."
        "  [default: warning]",
        autocompletion=fail_on_choice,
    ),
]
BuildArgs = Annotated[list[str] | None, typer.Option("--build-arg", help="NAME=VALUE, as for docker build.")]
Target = Annotated[str | None, typer.Option("--target", help="The stage that is built, by name or index.")]


def _engine(value: str | None) -> str | None:
    """What is no engine is told also where none is asked for."""
    if value is not None and value not in ("docker", "podman") and "://" not in value:
        raise typer.BadParameter(
            f"{value!r} is neither docker, podman nor a URL, as in unix:///run/podman/podman.sock"
        )
    return value


EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="Use this engine instead of the local one that is found.",
        callback=_engine,
        autocompletion=engine_choice,
    ),
]
NoVerify = Annotated[bool, typer.Option("--no-verify", help="Do not check the digests of layers.")]
PlainHttp = Annotated[
    bool, typer.Option("--plain-http", help="Ask registries of docker:// without encryption.")
]


def _texts(*names: str, metavar: str, help: str, hidden: bool = False) -> Any:
    return Annotated[list[str] | None, typer.Option(*names, metavar=metavar, help=help, hidden=hidden)]


def _text(*names: str, metavar: str, help: str) -> Any:
    return Annotated[str | None, typer.Option(*names, metavar=metavar, help=help)]


# Of a run, for whatever starts an image: what docker run calls so, and how long it is looked at.
_RUN_OPTIONS: dict[str, Any] = {
    "env": _texts(
        "--env",
        "-e",
        metavar="VARIABLE",
        help="NAME=VALUE, or NAME for a variable that is set here. Values are masked.",
    ),
    "env_file": _texts("--env-file", metavar="FILE", help="A file of such lines."),
    "volume": _texts(
        "--volume",
        "-v",
        metavar="MOUNT",
        help="SOURCE:TARGET[:rw]. Without a mode it is read-only, other than for docker run.",
    ),
    "mount": _texts(
        "--mount",
        metavar="MOUNT",
        help="type=bind,source=PATH,target=PATH; read-only without readonly=false.",
    ),
    "tmpfs": _texts("--tmpfs", metavar="PATH", help="PATH[:OPTIONS], as for docker run."),
    "user": _text("--user", "-u", metavar="USER", help="Start it as this user, not as the image's own."),
    "entrypoint": _text(
        "--entrypoint",
        metavar="PROGRAM",
        help="Start this program. Its arguments, or a command, stand behind --.",
    ),
    "command": _texts("--command", metavar="WORD", help="A word of the command behind --.", hidden=True),
    "network": _text(
        "--network", metavar="NETWORK", help="A network of yours to start it in, without isolation."
    ),
    "add_host": _texts("--add-host", metavar="NAME:ADDRESS", help="NAME:ADDRESS, as for docker run."),
    "with_": _texts(
        "--with", metavar="NAME=IMAGE", help="A service to start first, which it reaches by this name."
    ),
    "with_env": _texts(
        "--with-env", metavar="NAME:VARIABLE", help="A variable of that service, as for -e: db:NAME=VALUE."
    ),
    "allow_egress": Annotated[
        bool, typer.Option("--allow-egress", help="Let it reach other machines, which it can't else.")
    ],
    "memory": _text(
        "--memory", metavar="SIZE", help="The limit of memory, as 2g; else 512m, or 2g if that is too little."
    ),
    "pids_limit": _text("--pids-limit", metavar="COUNT", help="The limit of processes; else 256, or 1024."),
    "wait": _text(
        "--wait",
        metavar="TIME",
        help="How long ports and health are waited for, as 90 or 2m.  [default: 60s]",
    ),
    "observe": _text(
        "--observe", metavar="TIME", help="Watch on for so long, with requests sent, before it is judged."
    ),
}


def _with_run_options(command: Callable[..., int]) -> Callable[..., int]:
    """A command that takes the options of a run, too. It gets them as one argument, `of_run`: values by their names."""

    @functools.wraps(command)
    def with_options(**values: Any) -> int:
        of_run = {}
        for name in _RUN_OPTIONS:
            value = values.pop(name)
            texts = value if isinstance(value, list) else [""] if value is True else [value] if value else []
            of_run[name.rstrip("_").replace("_", "-")] = texts
        return command(**values, of_run=of_run)

    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "of_run"]
    # Behind the options of the command itself, before those that all commands have.
    at = next(
        (number for number, one in enumerate(own) if one.name in ("format", "engine", "fail_level")), len(own)
    )
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            annotation=kind,
            default=False if name == "allow_egress" else None,
        )
        for name, kind in _RUN_OPTIONS.items()
    ]
    typed = cast("Any", with_options)
    typed.__signature__ = signature.replace(parameters=[*own[:at], *options, *own[at:]])
    typed.__annotations__ = {
        parameter.name: parameter.annotation for parameter in typed.__signature__.parameters.values()
    }
    return with_options


# Limits of an image.
MaxSize = Annotated[str | None, typer.Option("--max-size", help="Fail over this content: 500MB, 1.5GiB.")]
MaxPull = Annotated[
    str | None, typer.Option("--max-pull", help="Fail when a registry would send more than this.")
]
MaxLayer = Annotated[str | None, typer.Option("--max-layer", help="Fail over this in one layer.")]
MaxWaste = Annotated[str | None, typer.Option("--max-waste", help="Fail when more than this can't be seen.")]
MaxReclaim = Annotated[
    str | None, typer.Option("--max-reclaim", help="Fail when a rebuild could save more than this.")
]
MinEfficiency = Annotated[
    str | None, typer.Option("--min-efficiency", help="Fail when less of the content is live: 90%, 0.9.")
]
MaxGrowth = Annotated[
    str | None, typer.Option("--max-growth", help="Fail when content grew by more: 5MB, 3%. With --against.")
]


# typer comes with click inside or beside it, by version; its own BadParameter leads to click's root
# of all usage errors either way.
_ClickException: type[Exception] = typer.BadParameter.__mro__[2]


def run(arguments: Sequence[str]) -> int:
    """Parse and run a command; the exit code. Usage errors are told on the error stream."""
    arguments = in_pairs(arguments)
    if arguments and arguments[0] not in app_commands() and not arguments[0].startswith("-"):
        arguments.insert(0, "lint")
    try:
        refuse_empty(arguments)
        result = _called(_with_command(_with_count(arguments)))
    except typer.Abort:
        return Exit.INTERRUPTED
    except InputError as error:
        from .commands.show import fail

        return fail(error)
    except (_ClickException, UsageError) as error:
        told = getattr(error, "format_message", error.__str__)()
        tell(f"imglint: {told}\n  `{_command(arguments, error)} --help` lists the options\n")
        return Exit.INPUT
    return int(result or 0)


_STARTS = ("verify", "audit", "push")  # what takes a command behind --, as docker run does behind the image


def _with_command(arguments: list[str]) -> list[str]:
    """The arguments with the words behind -- as values of an option: typer would take them for images."""
    if arguments[:1] and arguments[0] in _STARTS and "--" in arguments:
        at = arguments.index("--")
        return [*arguments[:at], *(f"--command={word}" for word in arguments[at + 1 :])]
    return arguments


def _with_count(arguments: list[str]) -> list[str]:
    """The arguments, in which --largest has its number: without one it is 20."""
    if arguments[:1] != ["files"]:
        return arguments
    return [
        "--largest=20" if word == "--largest" and not after.isdecimal() else word
        for word, after in zip(arguments, [*arguments[1:], ""], strict=True)
    ]


def _called(arguments: list[str]) -> Any:
    """Run a command. What typer prints itself, its help and completions, goes out by the same door as all else."""
    if not {"--help", "-h"}.intersection(arguments) and not any(
        "completion" in argument for argument in arguments
    ):
        return _main(arguments)
    printed = io.BytesIO()
    held = io.TextIOWrapper(printed, "utf-8", write_through=True)
    with contextlib.redirect_stdout(held):
        result = _main(arguments)
    write_bytes(printed.getvalue(), "-")
    return result


def _main(arguments: list[str]) -> Any:
    command = typer.main.get_command(app)
    name_values(command)
    return command(args=arguments, prog_name="imglint", standalone_mode=False)


def _command(arguments: Sequence[str], error: Exception) -> str:
    """The command that an error is about, as far as it was understood."""
    context = getattr(error, "ctx", None)
    if context is not None:
        return str(context.command_path)
    words = arguments[: 2 if arguments[:1] == ["hook"] else 1]
    return " ".join(["imglint", *(word for word in words if not word.startswith("-"))])


def app_commands() -> frozenset[str]:
    """The names of the commands."""
    groups = {group.name for group in app.registered_groups if group.name}
    return frozenset(one.callback.__name__ for one in app.registered_commands if one.callback) | groups


def _version(wanted: bool) -> None:
    if wanted:
        write_own(f"imglint {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Lint the Dockerfile, measure the image, prove the container."""


@app.command()
def lint(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files, directories, globs, or - for standard input.")
    ] = None,
    format: Formats = None,
    output: Outputs = None,
    select: Select = None,
    ignore: Ignore = None,
    extend_select: Extend = None,
    fail_level: Level = None,
    profile: Profile = None,
    build_arg: BuildArgs = None,
    target: Target = None,
    context: Annotated[
        str | None, typer.Option("--context", help="The build context, for what COPY really sends.")
    ] = None,
    trusted_registry: Annotated[
        list[str] | None,
        typer.Option("--trusted-registry", help="Where images may come from; * at either end."),
    ] = None,
    config: Config = None,
    isolated: Isolated = False,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Leave out the findings recorded in this file.")
    ] = None,
    write_baseline: Annotated[
        str | None, typer.Option("--write-baseline", help="Record the findings of now in this file.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Leave out findings that this Git revision has already.")
    ] = None,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Count the findings by rule instead of listing them.")
    ] = False,
    found: Annotated[
        bool,
        typer.Option("--found", help="A program found the paths: leave out what is no Dockerfile."),
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes for many files; 0: one a core.")] = 0,
    stdin_filename: Annotated[
        str, typer.Option("--stdin-filename", help="The name to show for standard input.")
    ] = "-",
    no_pragmas: Annotated[
        bool, typer.Option("--no-pragmas", help="Report what comments in the file switch off, too.")
    ] = False,
) -> int:
    """Lint Dockerfiles (the default command: `imglint Dockerfile`).

    \b
    imglint lint Dockerfile services/
    imglint lint --format full --profile strict Dockerfile
    imglint lint --format text --format sarif --output imglint.sarif
    """
    from .commands.lint import lint as command

    single = {
        "fail_level": fail_level, "profile": profile, "target": target, "context": context, "config": config,
        "baseline": baseline, "write_baseline": write_baseline, "since": since, "jobs": str(jobs),
        "stdin_filename": stdin_filename,
    }  # fmt: skip
    switches = {"isolated": isolated, "statistics": statistics, "no_pragmas": no_pragmas, "found": found}
    given = {
        "format": format or [], "output": output or [], "select": select or [], "ignore": ignore or [],
        "extend_select": extend_select or [], "build_arg": build_arg or [],
        "trusted_registry": trusted_registry or [],
        **{name: [value] for name, value in single.items() if value is not None},
        **{name: [""] for name, value in switches.items() if value},
    }  # fmt: skip
    return command(build(paths or [], given))


@app.command()
def fix(
    paths: Annotated[list[str] | None, typer.Argument(help="Files, directories, globs.")] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Make fixes, too, that may change what is built.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what would change; the exit code is 1 then.")
    ] = False,
    select: Select = None,
    ignore: Ignore = None,
    extend_select: Extend = None,
    profile: Profile = None,
    config: Config = None,
    isolated: Isolated = False,
) -> int:
    """Fix in place what can be fixed without changing what is built.

    \b
    imglint fix Dockerfile
    imglint fix --diff Dockerfile
    """
    from .commands.fix import fix as command

    if isolated and config is not None:
        raise UsageError(BOTH_CONFIGURATIONS)
    given = {"select": select or [], "ignore": ignore or [], "extend_select": extend_select or []}
    if profile is not None:
        given["profile"] = [profile]
    configuration = Configuration(choose(given), config, isolated=isolated)
    return command(paths or [], configuration, unsafe=unsafe, diff=diff)


def _explained(incomplete: str) -> list[str]:
    """What the shell offers: codes, and names of checks."""
    from .commands.explain import explained

    return [one for one in explained() if one.startswith(incomplete)]


@app.command()
def explain(
    code: Annotated[
        str,
        typer.Argument(
            help="A rule's code, alias or name, or the name of a check.", autocompletion=_explained
        ),
    ],
    format: Annotated[str, typer.Option("--format", "-f", help="text or json.")] = "text",
) -> int:
    """Say what a rule finds and why that is a fault, or what a check of verify proves.

    \b
    imglint explain DL3006
    imglint explain untagged-image
    imglint explain ports.published
    """
    from .commands.explain import explain as command

    if format not in ("text", "json"):
        raise UsageError(f"--format is text or json here, not {format!r}")
    return command(code, format)


@app.command()
def why(
    finding: Annotated[
        str, typer.Argument(help="Its fingerprint, code, CODE:LINE, or a check: ports.published:8080/tcp.")
    ],
    report: Annotated[str, typer.Argument(help="What --format json wrote; - is standard input.")] = "-",
    archive: Annotated[
        str | None, typer.Option("--archive", help="Where the image is now, as `docker save` wrote it.")
    ] = None,
) -> int:
    """Print the commands that repeat a proof without imglint: sed, tar, sha256sum, docker, curl. Runs none of them.

    \b
    imglint image shop.tar --format json > report.json
    imglint why AV0303 report.json
    """
    from .commands.why import why as command

    return command(finding, report, archive)


@app.command()
def rules(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="Only rules whose code begins so, or whose name holds this: AV03, apt."),
    ] = None,
    format: Annotated[str, typer.Option("--format", "-f", help="text or json.")] = "text",
) -> int:
    """List the rules.

    \b
    imglint rules
    imglint rules AV03 cache
    imglint rules --format json
    """
    from .commands.explain import rules as command

    if format not in ("text", "json"):
        raise UsageError(f"--format is text or json here, not {format!r}")
    return command(words or (), format)


Against = Annotated[
    str | None,
    typer.Option("--against", help="Compare with an image, or with JSON of an earlier run if it is there."),
]
Platform = Annotated[
    str | None, typer.Option("--platform", help="Of several, only images for this: linux/arm64, arm64.")
]


@app.command()
def image(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="An archive, an OCI layout, docker-archive:PATH[:NAME], oci:DIR[:REF], or a name."
        ),
    ],
    format: ImageFormats = None,
    output: Outputs = None,
    select: Select = None,
    ignore: Ignore = None,
    extend_select: Extend = None,
    profile: Profile = None,
    config: Config = None,
    isolated: Isolated = False,
    fail_level: Level = None,
    max_size: MaxSize = None,
    max_pull: MaxPull = None,
    max_layer: MaxLayer = None,
    max_waste: MaxWaste = None,
    max_reclaim: MaxReclaim = None,
    min_efficiency: MinEfficiency = None,
    against: Against = None,
    max_growth: MaxGrowth = None,
    dive_compat: Annotated[
        bool, typer.Option("--dive-compat", help="Count waste and efficiency as dive does, for its limits.")
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Side by side: size, distribution, libc, shell, packages, user.")
    ] = False,
    graph: Annotated[
        str | None,
        typer.Option(
            "--graph",
            help="Write what the images share: a picture to .svg or .html, data to .graphml, .dot or .json.",
        ),
    ] = None,
    secrets: Annotated[
        bool,
        typer.Option("--secrets", help="Look for credentials in the files of all layers, as audit does."),
    ] = False,
    packages: Annotated[
        bool, typer.Option("--packages", help="List all installed packages, with their bytes and layers.")
    ] = False,
    record: Annotated[
        str | None,
        typer.Option("--record", help="Add a row for this commit to a .csv or .parquet file; see trend."),
    ] = None,
    platform: Platform = None,
    no_verify: NoVerify = False,
    plain_http: PlainHttp = False,
    engine: EngineOption = None,
) -> int:
    """Measure images: size, layers, what is wasted and by which step.

    \b
    imglint image shop.tar
    imglint image shop:1.0 --max-waste 10MB --min-efficiency 95%
    imglint image shop.tar --record sizes.csv
    imglint image shop.tar --secrets
    """
    from .commands.image import View
    from .commands.image import image as command

    if max_growth is not None and against is None:
        raise UsageError(GROWTH_ALONE)
    formats = outputs(format or [], output or [], OF_IMAGES, graph=graph, record=record)
    limits = _limits(
        max_size=max_size, max_pull=max_pull, max_layer=max_layer, max_waste=max_waste,
        max_reclaim=max_reclaim, min_efficiency=min_efficiency, max_growth=max_growth,
    )  # fmt: skip
    settings = _settings(
        formats, ("image", *sources), config, isolated,
        select=select, ignore=ignore, extend_select=extend_select, profile=profile, fail_level=fail_level,
    )  # fmt: skip
    return command(
        sources, settings._replace(plain_http=plain_http), formats,
        verify=not no_verify, engine=engine,
        view=View(limits, against, dive_compat, compare, graph, platform, record, secrets, packages),
    )  # fmt: skip


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help="The image before: an archive, a layout, or a name.")],
    new: Annotated[str, typer.Argument(help="The image after.")],
    format: Formats = None,
    output: Outputs = None,
    max_growth: Annotated[
        str | None, typer.Option("--max-growth", help="Fail when content grew by more: 5MB, 3%.")
    ] = None,
    base: Annotated[
        list[str] | None, typer.Option("--base", help="The image that one of them is built on; repeatable.")
    ] = None,
    no_verify: NoVerify = False,
    plain_http: PlainHttp = False,
    engine: EngineOption = None,
) -> int:
    """Say what changed from one image to another, and what it costs.

    \b
    imglint diff shop:1.0 shop:1.1
    imglint diff old.tar new.tar --max-growth 5%
    """
    from .commands.image import diff as command

    formats = outputs(format or [], output or [])
    return command(
        old, new, _settings(formats, ("diff", old, new))._replace(plain_http=plain_http), formats,
        limits=_limits(max_growth=max_growth), base=tuple(base or ()), verify=not no_verify, engine=engine,
    )  # fmt: skip


GROWTH_ALONE = "--max-growth needs --against: what it grew from"


def _limits(**given: str | None) -> Limits:
    """Limits from the options' texts."""
    try:
        return parse_limits({name: text for name, text in given.items() if text is not None})
    except ValueError as error:
        raise UsageError(f"--{error}") from error


@app.command()
def history(
    source: Annotated[str, typer.Argument(help="An archive, an OCI layout, or a name.")],
    format: Formats = None,
    output: Outputs = None,
    platform: Platform = None,
    no_verify: NoVerify = False,
    plain_http: PlainHttp = False,
    engine: EngineOption = None,
) -> int:
    """Show each step of an image's history with the layer and the bytes it made.

    \b
    imglint history shop.tar
    """
    from .commands.image import history as command

    return command(
        source, outputs(format or [], output or []), verify=not no_verify, engine=engine, platform=platform,
        plain_http=plain_http,
    )  # fmt: skip


_FILES_SOURCE = typer.Argument(help="An archive, an OCI layout, or a name.")
OneLayer = Annotated[
    int | None, typer.Option("--layer", help="Of this layer, from 0 at the bottom; what is hidden, too.")
]


@app.command()
def files(
    source: Annotated[str, _FILES_SOURCE],
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Paths with all below them, or patterns: '*.pyc', '/usr/**/*.so'.", show_default=False
        ),
    ] = None,
    layer: OneLayer = None,
    tree: Annotated[
        bool, typer.Option("--tree", help="As a tree; with --dirs of directories alone.")
    ] = False,
    largest: Annotated[
        int | None,
        typer.Option("--largest", help="The largest first, and only so many; 20 without a number.", min=1),
    ] = None,
    directories: Annotated[
        bool, typer.Option("--dirs", help="Directories with the bytes of all that lies in them.")
    ] = False,
    least: Annotated[str | None, typer.Option("--min", help="Only what takes so much: 1MB.")] = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what a layer changes or removes of those below it.")
    ] = False,
    hidden: Annotated[
        bool, typer.Option("--hidden", help="Only what no container sees, of all layers.")
    ] = False,
    dockerfile: Annotated[
        str | None, typer.Option("--file", help="The Dockerfile it was built from, for the lines.")
    ] = None,
    format: Annotated[
        list[str] | None, typer.Option("--format", "-f", help="text, json or csv. Repeat with --output.")
    ] = None,
    output: Outputs = None,
    platform: Platform = None,
    no_verify: NoVerify = False,
    engine: EngineOption = None,
) -> int:
    """List the files of an image: which layer has put them there, and what hides them.

    \b
    imglint files shop.tar --largest
    imglint files shop.tar --layer 3 '*.so' --min 1MB
    imglint files shop.tar --hidden --file Dockerfile
    """
    from .commands.files import files as command
    from .reports.files_text import FilesView

    chosen = FilesView(tree, largest, directories, _size(least, "--min") or 0, changed, hidden)
    if tree and largest is not None:
        raise UsageError("--tree and --largest are two orders: leave one out")
    return command(
        source, paths or (), chosen, _file_outputs(format or [], output or []),
        layer=layer, dockerfile=dockerfile, platform=platform, verify=not no_verify, engine=engine,
    )  # fmt: skip


def _file_outputs(formats: list[str], files: list[str]) -> tuple[tuple[str, str], ...]:
    """The formats of lists of files, which have one that reports do not have."""
    named = formats or ["csv" if file.lower().endswith(".csv") else "json" for file in files if "." in file]
    for name in named:
        if name not in ("text", "json", "csv"):
            raise UsageError(f"--format is text, json or csv here, not {name!r}")
    pairs = outputs(["text" if name == "csv" else name for name in named], files)
    return tuple((name, target) for name, (_, target) in zip(named or ["text"], pairs, strict=True))


def _size(text: str | None, option: str) -> int | None:
    from .rules.gates import parse_size

    try:
        return None if text is None else parse_size(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


@app.command()
def cat(
    source: Annotated[str, _FILES_SOURCE],
    path: Annotated[str, typer.Argument(help="A file of it; links are followed within the image.")],
    layer: Annotated[
        int | None, typer.Option("--layer", help="As this layer left it, from 0 at the bottom.")
    ] = None,
    platform: Platform = None,
    no_verify: NoVerify = False,
    engine: EngineOption = None,
) -> int:
    """Write a file of an image to standard output, as it is: nothing in it is masked.

    \b
    imglint cat shop.tar /etc/os-release
    imglint cat shop.tar /app/config.json --layer 3
    """
    from .commands.files import cat as command

    return command(source, path, layer=layer, platform=platform, verify=not no_verify, engine=engine)


@app.command()
def extract(
    source: Annotated[str, _FILES_SOURCE],
    paths: Annotated[
        list[str], typer.Argument(help="Paths with all below them, or patterns: '*.pyc', '/usr/**/*.so'.")
    ],
    directory: Annotated[
        str, typer.Option("--to", help="Where they are written: a directory that is new or empty.")
    ],
    layer: OneLayer = None,
    most: Annotated[str, typer.Option("--max", help="Write nothing if it is more than this.")] = "1GB",
    platform: Platform = None,
    no_verify: NoVerify = False,
    engine: EngineOption = None,
) -> int:
    """Write files of an image into a directory, and nowhere else.

    \b
    imglint extract shop.tar /app --to app
    imglint extract shop.tar /root/.ssh --layer 2 --to hidden
    """
    from .commands.files import extract as command

    return command(
        source, paths, directory, _size(most, "--max") or 0,
        layer=layer, platform=platform, verify=not no_verify, engine=engine,
    )  # fmt: skip


@app.command()
@_with_run_options
def verify(
    image: Annotated[
        list[str] | None,
        typer.Argument(help="Images of the engine by name or ID, or archives; with --compose its services."),
    ] = None,
    compose: Annotated[
        str | None,
        typer.Option(
            "--compose", metavar="FILE", help="Prove the services of a compose file: those named, or all."
        ),
    ] = None,
    publish: Annotated[
        list[str] | None,
        typer.Option("--publish", "-p", help="HOST:CONTAINER[/PROTOCOL], as for docker run."),
    ] = None,
    publish_all: Annotated[
        bool, typer.Option("--publish-all", "-P", help="Publish all exposed ports, as for docker run.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Run it read-only, as any user and without capabilities, too.")
    ] = False,
    harden: Annotated[
        bool, typer.Option("--harden", help="Find the least that it needs, by running it with less and less.")
    ] = False,
    expect: Annotated[
        list[str] | None,
        typer.Option("--expect", help="A file of what must hold, or of container-structure-test."),
    ] = None,
    write_expect: Annotated[
        str | None, typer.Option("--write-expect", help="Write such a file from what was observed.")
    ] = None,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Pass an expectation that could not be decided.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Start nothing; say what would be started, touched and removed.")
    ] = False,
    stop_timeout: Annotated[
        int, typer.Option("--stop-timeout", help="Seconds between the stop signal and the kill.", min=1)
    ] = 10,
    probe_image: Annotated[
        str, typer.Option("--probe-image", help="What side containers run, if the engine has it.")
    ] = "busybox",
    format: Formats = None,
    output: Outputs = None,
    select: Select = None,
    ignore: Ignore = None,
    extend_select: Extend = None,
    profile: Profile = None,
    config: Config = None,
    isolated: Isolated = False,
    fail_level: Level = None,
    fail_on: FailOnOption = None,
    engine: EngineOption = None,
    *,
    of_run: dict[str, list[str]],
) -> int:
    """Run images and prove ports, health check, command, user, processes, writes and stop.

    \b
    imglint verify shop:1.0 -p 8080:80
    imglint verify shop.tar --expect verify.yaml
    imglint verify shop:1.0 -e DATABASE_URL -v ./conf:/etc/shop --network backend
    imglint verify shop:1.0 --with db=postgres:16 --with-env db:POSTGRES_PASSWORD
    imglint verify --compose compose.yaml web
    """
    from .commands.verify import verify as command
    from .run_options import parse_run

    formats = outputs(format or [], output or [], write_expect=write_expect)
    if dry_run and any(name not in (*FOR_PEOPLE, "json") for name, _ in formats):
        raise UsageError("--dry-run is told as text or json: there are no findings before anything ran")
    if dry_run and write_expect is not None:
        raise UsageError("--dry-run observes nothing that --write-expect could write")
    if allow_unknown and fail_on == "unknown":
        raise UsageError("--allow-unknown and --fail-on unknown contradict each other: leave one out")
    if not re.fullmatch(r"\w[\w.:/@-]*", probe_image):
        raise UsageError(f"--probe-image takes the name of an image, not {probe_image!r}")
    image = image or []
    if not image and compose is None:
        raise UsageError("Missing argument 'IMAGE...': name an image, or a compose file by --compose")
    if compose is not None:
        _must_fit_compose(of_run, write_expect, harden=harden)
    asked = parse_run(of_run, images=image)
    wishes = asked._replace(
        publish=tuple(publish or ()), publish_all=publish_all, deep=deep, harden=harden, stop_seconds=stop_timeout,
        probe=probe_image, expect=tuple(expect or ()), allow_unknown=allow_unknown,
    )  # fmt: skip
    settings = _settings(
        formats, ("verify", *(("--compose", compose) if compose is not None else ()), *image), config, isolated,
        select=select, ignore=ignore, extend_select=extend_select, profile=profile, fail_level=fail_level,
        fail_on=fail_on,
    )  # fmt: skip
    return command(
        image, settings, formats, wishes,
        write_expect=write_expect, dry_run=dry_run, engine=engine, compose=compose,
    )  # fmt: skip


def _must_fit_compose(of_run: dict[str, list[str]], write_expect: str | None, *, harden: bool) -> None:
    if harden:
        raise UsageError("--harden prints how an image is started alone: leave out --compose, and use --with")
    if of_run["with"]:
        raise UsageError(
            "--compose says itself which services there are: leave out --with, or add it to the file"
        )
    if of_run["network"]:
        raise UsageError("--compose starts services in a network of the run's own: leave out --network")
    if write_expect is not None:
        raise UsageError(
            "--write-expect writes what holds of an image alone: leave out --compose, and use --with"
        )


@app.command()
@_with_run_options
def audit(
    dockerfile: Annotated[
        str | None, typer.Argument(help="The Dockerfile; ./Dockerfile when there is one.")
    ] = None,
    image: Annotated[str | None, typer.Option("--image", help="The image that was built from it.")] = None,
    run: Annotated[
        bool, typer.Option("--run", help="Start the image and look at the container, too.")
    ] = False,
    format: Formats = None,
    output: Outputs = None,
    select: Select = None,
    ignore: Ignore = None,
    extend_select: Extend = None,
    profile: Profile = None,
    config: Config = None,
    isolated: Isolated = False,
    fail_level: Level = None,
    fail_on: FailOnOption = None,
    build_arg: BuildArgs = None,
    target: Target = None,
    max_size: MaxSize = None,
    max_pull: MaxPull = None,
    max_layer: MaxLayer = None,
    max_waste: MaxWaste = None,
    max_reclaim: MaxReclaim = None,
    min_efficiency: MinEfficiency = None,
    against: Against = None,
    max_growth: MaxGrowth = None,
    no_verify: NoVerify = False,
    plain_http: PlainHttp = False,
    engine: EngineOption = None,
    *,
    of_run: dict[str, list[str]],
) -> int:
    """Join all evidence: the ten things to avoid, by Dockerfile, image and container.

    \b
    imglint audit Dockerfile --image shop:1.0 --run
    imglint audit --image shop.tar --format full
    """
    from .commands.audit import audit as command
    from .run_options import parse_run

    wishes = parse_run(of_run, run=run)
    formats = outputs(format or [], output or [])
    asked = ("audit", *(name for name in (dockerfile, image) if name is not None))
    settings = _settings(
        formats, asked, config, isolated,
        select=select, ignore=ignore, extend_select=extend_select, profile=profile, fail_level=fail_level,
        fail_on=fail_on, build_arg=build_arg, target=target,
    )._replace(plain_http=plain_http)  # fmt: skip
    if against is not None and image is None and not settings.images:
        raise UsageError("--against compares images: name the one to compare by --image")
    if max_growth is not None and against is None:
        raise UsageError(GROWTH_ALONE)
    limits = _limits(
        max_size=max_size, max_pull=max_pull, max_layer=max_layer, max_waste=max_waste,
        max_reclaim=max_reclaim, min_efficiency=min_efficiency, max_growth=max_growth,
    )  # fmt: skip
    if limits != Limits() and image is None and not settings.images:
        raise UsageError("limits are an image's: name the one that has to keep them by --image")
    return command(
        dockerfile, image, settings, formats, run=run, wishes=wishes, verify=not no_verify,
        engine=engine, against=against, limits=limits,
    )  # fmt: skip


def _settings(
    formats: tuple[tuple[str, str], ...],
    asked: tuple[str, ...],
    config: str | None = None,
    isolated: bool = False,
    **given: list[str] | str | None,
) -> Settings:
    """The settings of the nearest configuration, or of the one that is named, and what the command line sets.

    A configuration that can't be read is shown in the formats, and ends the command.
    """
    if isolated and config is not None:
        raise UsageError(BOTH_CONFIGURATIONS)
    chosen = choose(
        {name: [value] if isinstance(value, str) else value for name, value in given.items() if value}
    )
    try:
        return Configuration(chosen, config, isolated=isolated).settings()
    except InputError as error:
        from .commands.show import show_problem

        raise typer.Exit(show_problem(error, formats, *asked)) from error


@app.command()
def trend(
    file: Annotated[str, typer.Argument(help="What `imglint image --record` wrote.")],
    image: Annotated[
        str | None, typer.Option("--image", help="Only images of this name; * at either end.")
    ] = None,
    last: Annotated[int, typer.Option("--last", help="How many rows of each image to show.", min=1)] = 20,
    max_growth: Annotated[
        str | None, typer.Option("--max-growth", help="Fail when content grew by more: 5MB, 3%.")
    ] = None,
    over: Annotated[
        int, typer.Option("--over", help="… since the row that stands so many rows before the last.", min=1)
    ] = 1,
    format: Annotated[str, typer.Option("--format", "-f", help="text, json or markdown.")] = "text",
) -> int:
    """Show how the sizes recorded by `imglint image --record` went, and gate on growth.

    \b
    imglint trend sizes.csv
    imglint trend sizes.csv --image 'shop*' --max-growth 5% --over 10
    """
    from .commands.trend import trend as command

    if format not in ("text", "json", "markdown"):
        raise UsageError(f"--format is text, json or markdown here, not {format!r}")
    return command(
        file, image=image, last=last, growth=_limits(max_growth=max_growth).max_growth, over=over, form=format
    )


hooks = typer.Typer(
    help="Look at what `git push` is about to send.\n\n\b\nimglint hook install\n"
    "imglint hook install --run --fail-level warning\nimglint hook uninstall",
    no_args_is_help=False,
    rich_markup_mode=None,
)
app.add_typer(hooks, name="hook")
HookRun = Annotated[bool, typer.Option("--run", help="Start the images, too.")]
HookLevel = Annotated[
    str | None,
    typer.Option(
        "--fail-level", help="The severity from which on a new finding stops the push.  [default: error]"
    ),
]


@hooks.command("install")
@_with_run_options
def hook_install(
    run: HookRun = False,
    fail_level: HookLevel = None,
    fail_on: FailOnOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a hook that is not imglint's.")] = False,
    *,
    of_run: dict[str, list[str]],
) -> int:
    """Write the pre-push hook of the Git repository here."""
    from .commands.hook import install
    from .run_options import check_for_hook

    _levels(fail_level, fail_on)
    check_for_hook(of_run, run=run)
    options = {**of_run, "fail-level": [fail_level or ""], "fail-on": [fail_on or ""]}
    return install(options, run=run, force=force)


@hooks.command("uninstall")
def hook_uninstall() -> int:
    """Remove the hook again."""
    from .commands.hook import uninstall

    return uninstall()


@hooks.command("run")
@_with_run_options
def hook_run(
    remote: Annotated[str, typer.Argument(help="As Git names it to the hook.")] = "",
    url: Annotated[str, typer.Argument(help="As Git names it to the hook.")] = "",
    run: HookRun = False,
    fail_level: HookLevel = None,
    fail_on: FailOnOption = None,
    engine: EngineOption = None,
    *,
    of_run: dict[str, list[str]],
) -> int:
    """Look at the commits that are named on standard input, as Git names them to a pre-push hook.

    Credentials are looked for in every version of every Dockerfile that the remote does not have, also in one
    that a later commit removes. Of all else, what is new in the Dockerfiles that the push changes counts, and
    the images that the configuration maps to Dockerfiles are audited.
    """
    from .commands.hook import run as command
    from .run_options import parse_run

    wishes = parse_run(of_run, run=run)
    chosen = _levels(fail_level or "error", fail_on)
    return command(remote or url, chosen, start=run, wishes=wishes, engine=engine)


def _levels(fail_level: str | None, fail_on: str | None) -> dict[str, Any]:
    """What the command line says of them, by the names of the settings."""
    given = {"fail_level": fail_level, "fail_on": fail_on}
    return choose({name: [value] for name, value in given.items() if value is not None})


@app.command()
@_with_run_options
def push(
    image: Annotated[str, typer.Argument(help="The image to push, by its name and tag.")],
    to: Annotated[
        str | None, typer.Option("--to", help="Push it under this name and tag, which it is given.")
    ] = None,
    dockerfile: Annotated[
        str | None, typer.Option("--file", help="The Dockerfile it was built from; else as configured.")
    ] = None,
    run: Annotated[bool, typer.Option("--run", help="Start it and look at the container, too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Push what fails, too. Takes a --reason.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it is recorded.")] = None,
    record: Annotated[
        str | None, typer.Option("--record", help="Where pushes are recorded, a JSON object a line.")
    ] = None,
    format: Formats = None,
    output: Outputs = None,
    select: Select = None,
    ignore: Ignore = None,
    extend_select: Extend = None,
    profile: Profile = None,
    config: Config = None,
    isolated: Isolated = False,
    fail_level: Level = None,
    fail_on: FailOnOption = None,
    engine: EngineOption = None,
    *,
    of_run: dict[str, list[str]],
) -> int:
    """Audit an image by its ID and push exactly that ID, if it passes.

    \b
    imglint push registry.example.org/shop:1.0
    imglint push shop:1.0 --to registry.example.org/shop:1.0 --run
    imglint push example.org/shop:1.0 --force --reason 'the fix comes with 1.1'
    """
    from .commands.push import Push, command
    from .run_options import parse_run

    if force != bool(reason and reason.strip()):
        raise UsageError("--force and --reason go together: say why what fails is pushed")
    wishes = parse_run(of_run, run=run)
    wanted = Push(image, to, dockerfile, run, reason, record, wishes)
    formats = outputs(format or [], output or [], record=record)
    settings = _settings(
        formats, ("audit", image), config, isolated,
        select=select, ignore=ignore, extend_select=extend_select, profile=profile, fail_level=fail_level,
        fail_on=fail_on,
    )  # fmt: skip
    return command(wanted, settings, formats, engine=engine)
