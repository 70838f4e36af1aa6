"""Antipattern 10: relying on IP addresses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..main_command import main_of_image
from ..rule import ContainerExample, ImageExample, LayerRef, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage
    from ...analyzer.image import Entry, Image
    from ...runner import Observation

ADDRESS = Rule(
    code="AV1001",
    name="hard-coded-address",
    severity=Severity.WARNING,
    antipattern=10,
    message="{address} is fixed in the image, but addresses change with the network; use a name",
    page="""An IP address is written into the image.

A container's address is given when it starts, and so is that of whatever it talks to. Names are
resolved by the engine's own DNS and can be set from outside. Told where a value is plainly an
address: in a URL, with a port, or a private or resolver address as a whole value. Versions that
look like addresses (2.5.0.1), networks (10.0.0.0/8), loopback and 0.0.0.0 are not.
""",
    bad=(
        "FROM a\nENV DB_HOST=10.0.3.7\n",
        "FROM a\nENV API=http://93.184.216.34:8080/v1\n",
        'FROM a\nCMD ["app", "--server", "192.168.0.105:5000"]\n',
        "FROM a\nRUN echo 'nameserver 1.1.1.1' > /etc/resolv.conf\n",
        "FROM a\nENV DNS_ADDR 8.8.8.8\n",
        ImageExample(config={"Env": ["DB_HOST=10.0.3.7"]}),
        ImageExample(config={"Cmd": ["app", "http://10.1.2.3/"]}),
    ),
    good=(
        "FROM a\nENV RUBY_VERSION=2.5.0.1 VERSION=10.0.0.1\n",
        "FROM a\nRUN pip install x==10.1.2.3 && cabal install --constraint 'Cabal ==3.10.3.0'\n",
        "FROM a\nENV HOST=0.0.0.0 LOCAL=127.0.0.1:80\n",
        "FROM a\nRUN sed -i 's/x/RemoteIPInternalProxy 10.0.0.0\\/8/' /y\nENV NET=10.0.0.0/8\n",
        "FROM a\n# see 10.0.3.7\nRUN x # 10.0.3.7\n",
        ImageExample(config={"Env": ["VERSION=10.0.3.7", "HOST=db"]}),
    ),
)

_ADDRESS = re.compile(
    r"(?P<before>[a-z][a-z0-9+.-]{0,15}://(?:[^/\s@]*@)?|nameserver\s+|@|(?<![\w./=-])|(?<==))"
    r"(?P<address>(?:\d{1,3}\.){3}\d{1,3})(?P<port>:\d{1,5})?(?![\w.-]*[\w]|\\?/\d)"
)
_RESOLVERS = frozenset(
    "8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 208.67.222.222 208.67.220.220 114.114.114.114".split()
)
_VERSION = r"(?i)ver(?:sion)?|release|tag|rev"


def _addresses(text: str, *, whole: bool) -> list[tuple[str, int, int]]:
    """The addresses in a text that can be nothing else; `whole`: the text is one value."""
    found = []
    for match in _ADDRESS.finditer(text):
        address = match["address"]
        numbers = [int(number) for number in address.split(".")]
        # 0/8 and 127/8 mean the container itself, and from 224 up come groups and masks.
        if max(numbers) > 255 or numbers[0] in (0, 127) or numbers[0] >= 224:
            continue
        certain = (
            match["before"].endswith("://") or match["before"].startswith(("name", "@")) or match["port"]
        )
        local = _is_private(numbers) or address in _RESOLVERS
        alone = whole and match.start() == 0 and match.end() == len(text)
        if (certain and (local or match["before"] or match["port"])) or (
            alone and local and text[-2:] != ".0"
        ):
            found.append((address, match.start("address"), match.end("address")))
    return found


def _is_private(numbers: list[int]) -> bool:
    first, second = numbers[:2]
    return (
        first == 10
        or (first == 172 and 16 <= second < 32)
        or (first, second) in ((192, 168), (169, 254))
        or (first == 100 and 64 <= second < 128)
    )


@ADDRESS.instruction("ENV", "ARG", "LABEL")
def in_variables(instruction: Instruction, stage: Stage) -> Outcome:
    for name, value in instruction.pairs:
        if value is None or re.search(_VERSION, name.value):
            continue
        raw = value.raw.strip("\"'")
        shift = len(value.raw) - len(value.raw.lstrip("\"'"))
        for address, start, end in _addresses(raw, whole=True):
            yield ADDRESS.finding(value.part(start + shift, end + shift).span, address=address)


@ADDRESS.instruction("CMD", "ENTRYPOINT", "HEALTHCHECK")
def in_commands(instruction: Instruction, stage: Stage) -> Outcome:
    words = instruction.json
    if words is None:
        words = instruction.args
    for word in words:
        for address, start, end in _addresses(word.raw, whole=True):
            yield ADDRESS.finding(word.part(start, end).span, address=address)


@ADDRESS.command()
def in_runs(command: Command, stage: Stage) -> Outcome:
    if command.wrapped:
        return
    for word in command.args:
        for address, start, end in _addresses(word.raw, whole=False):
            yield ADDRESS.finding(word.part(start, end).span, address=address)


@ADDRESS.image
def in_configuration(image: Image) -> Outcome:
    for name, value in image.config.env:
        if not re.search(_VERSION, name):
            for address, _, _ in _addresses(value, whole=True):
                yield ADDRESS.finding(Place("image"), address=address, proof={"Env": name})
    for word in main_of_image(image).argv:
        for address, _, _ in _addresses(word, whole=True):
            yield ADDRESS.finding(Place("image"), address=address, proof={"argv": word})


HOSTS = Rule(
    code="AV1002",
    name="hosts-file-written",
    severity=Severity.WARNING,
    antipattern=10,
    message="the engine writes {path} anew for each container, so this line is lost; use {cure}",
    page="""A RUN writes to /etc/hosts, /etc/resolv.conf or /etc/hostname.

The engine mounts its own over them when a container starts, so that what the build wrote is
never seen. Give a container its names by `--add-host`, its resolvers by `--dns` and its own name by
`--hostname`, or leave them to the orchestrator, and use names in the configuration.
""",
    bad=(
        "FROM a\nRUN echo '10.0.0.5 db' >> /etc/hosts\n",
        "FROM a\nRUN echo x | tee -a /etc/hosts\n",
        "FROM a\nRUN echo web > /etc/hostname && echo 'search example.org' > /etc/resolv.conf\n",
    ),
    good=("FROM a\nRUN cat /etc/hosts\n", "FROM a\nRUN echo x >> /etc/hosts.allow\n"),
)

_MOUNTED = {"/etc/hosts": "--add-host", "/etc/resolv.conf": "--dns", "/etc/hostname": "--hostname"}


@HOSTS.command()
def writes_hosts(command: Command, stage: Stage) -> Outcome:
    if command.wrapped:
        return
    targets = [redirect.target for redirect in command.redirects if ">" in redirect.operator]
    if command.name == "tee":
        targets += command.operands()
    for word in targets:
        if word.value in _MOUNTED:
            yield HOSTS.finding(word.span, path=word.value, cure=_MOUNTED[word.value])


PEERS = Rule(
    code="AV1003",
    name="peer-dialled-by-address",
    severity=Severity.WARNING,
    antipattern=10,
    message="the container connected to {peer} by its address, and resolved no name before; use a name",
    page="""The running container connects to an address that stands in its own configuration.

Seen in the container's socket table: the far end of a connection is an address that the
environment or the command line of PID 1 holds literally.
""",
    bad=(
        ContainerExample(
            {
                "peers": [{"address": "10.9.8.7", "port": 5432}],
                "environment": {"DB": "10.9.8.7"},
                "alive": True,
            }
        ),
    ),
    good=(
        ContainerExample({"peers": [{"address": "10.9.8.7", "port": 5432}], "environment": {"DB": "db"}}),
        ContainerExample(
            {"peers": [{"address": "10.9.8.7", "port": 5432}], "environment": {"DB": "10.9.8.71"}}
        ),
    ),
)


@PEERS.container
def dialled_peers(observation: Observation) -> Outcome:
    if not observation.started:
        yield PEERS.skip("container", observation.error or "the container did not start")
        return
    from ...runner.peers import names

    known = " ".join([*observation.environment.values(), *(a for p in observation.processes for a in p.argv)])
    for peer in observation.peers:
        if names(known, peer.address):
            place = Place("container", subject=f"{peer.address}:{peer.port}")
            yield PEERS.finding(place, peer=f"{peer.address}:{peer.port}", proof=peer._asdict())


CONFIGURED = Rule(
    code="AV1004",
    name="address-in-configuration-file",
    severity=Severity.WARNING,
    antipattern=10,
    message="{path} in layer {layer} names {address}, but addresses change with the network; use a name",
    page="""A configuration file of the build's own layers holds an IP address.

Text files that end in .conf, .cfg, .ini, .yaml, .properties, .env, .toml and the like, in the
layers above the base as far as that can be told, and only addresses that can be nothing else: in a
URL or with a port. Examples and documentation are left alone. Contents are looked at by `imglint
audit`.
""",
    bad=(ImageExample(layers=({"srv/app.conf": "[db]\nurl = http://10.0.3.7:5432/shop\nmode = fast\n"},)),),
    good=(
        ImageExample(layers=({"srv/app.conf": "[db]\nurl = http://db:5432/shop\n# http://10.0.3.7:80/\n"},)),
        ImageExample(
            layers=({"usr/share/doc/app.conf": "url = http://10.0.3.7:5432/shop and more of it\n"},)
        ),
    ),
)
_CONFIGURATION = r"\.(?:conf|cfg|ini|ya?ml|properties|env|toml|cnf)$"
# An engine mounts its own etc/resolv.conf over the image's.
_NOT_OURS = (
    r"^etc/resolv\.conf$"
    r"|^(?:usr/(?:share|lib|include)|proc|sys)/|/(?:tests?|examples?|docs?|node_modules|site-packages)/"
)
_LARGEST_CONFIGURATION = 256 * 1024


def _may_hold_address(entry: Entry) -> int:
    if not 8 <= entry.size <= _LARGEST_CONFIGURATION or not re.search(_CONFIGURATION, entry.path):
        return 0
    return 0 if re.search(_NOT_OURS, entry.path) else entry.size


@CONFIGURED.file(_may_hold_address)
def addresses_in_files(image: Image, entry: Entry, data: bytes) -> Outcome:
    if entry.layer not in image.own_layers or image.hidden_by(entry) is not None:
        return
    for line in data.decode("utf-8", "replace").splitlines():
        if line.lstrip().startswith(("#", ";", "//")):
            continue
        for address, *_ in _addresses(line, whole=False):
            layer = image.layers[entry.layer]
            place = Place("image", layer=LayerRef(layer.index, layer.diff_id), path=entry.path)
            yield CONFIGURED.finding(place, path=f"/{entry.path}", address=address, layer=layer.index)
            return
