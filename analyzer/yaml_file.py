"""YAML files that people write: one document, plain values, and the line of each for messages."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .credentials import mask
from .errors import InputError

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 1024 * 1024
# After aliases are expanded: nine lines of them can stand for more values than any memory holds.
_MAX_VALUES = 100_000
_TAG = "tag:yaml.org,2002:"
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_PLAIN = frozenset({"str", "int", "float", "bool", "null"})


class YamlFile:
    """The one document of a YAML file.

    `value` is made of dict, list, str, int, float, bool and None. Keys are texts, as they are
    written (`80`, `yes`). Dates stay texts, and so do numbers that are not written in decimal:
    YAML would take `0644` for 420 and `1:30` for 90.
    """

    def __init__(self, text: str, name: str) -> None:
        """Read the text of a file that is called `name`.

        Raises:
            InputError: it is no YAML, holds several documents, a key twice, or what is not plain data; with its line.
        """
        self.name = name
        self._count = 0
        self._open: set[int] = set()
        self._root = self._parsed(text)
        try:
            self.value: Any = None if self._root is None else self._value(self._root)
        except RecursionError as error:
            raise InputError(name, "nests too deep", "write it flatter") from error

    @property
    def is_empty(self) -> bool:
        """Whether it holds nothing, or comments alone."""
        return self.value is None

    def line(self, path: Sequence[str | int]) -> int | None:
        """The line, from 1, on which the value at a path of keys and indexes begins, or the key that leads to it."""
        node, line = self._root, None
        for step in path:
            found = _child(node, step) if node is not None else None
            if found is None:
                break
            line, node = found
        return line

    def written(self) -> Any:
        """The value with every number and truth value as the text that stands in the file: "1.10", "yes", "0644"."""
        self._count = 0
        return None if self._root is None else self._value(self._root, written=True)

    def wrong(self, problem: str, hint: str = "", *, line: int | None = None) -> InputError:
        """The error of this file, on a line of it."""
        return InputError(self.name if line is None else f"{self.name}:{line}", problem, hint)

    def _parsed(self, text: str) -> yaml.Node | None:
        import yaml

        try:
            self._loader = yaml.SafeLoader(text)
            return self._loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else None
            if "single document" in str(error.context):
                raise self.wrong("holds several documents", "keep one in each file", line=line) from error
            problem = str(error.problem or error.context)
            hint = "use spaces where tabs stand" if r"'\t'" in problem else ""
            raise self.wrong(f"is no YAML: {problem}", hint, line=line) from error
        except yaml.reader.ReaderError as error:
            what = f"a character that YAML forbids (number {error.character})"
            line = text.count("\n", 0, error.position) + 1
            raise self.wrong(f"is no YAML: it holds {what}", line=line) from error
        except RecursionError as error:
            raise InputError(self.name, "nests too deep", "write it flatter") from error

    def _value(self, node: yaml.Node, *, written: bool = False) -> Any:
        import yaml

        self._counted(node)
        if isinstance(node, yaml.ScalarNode):
            value = self._scalar(node)
            return str(node.value) if written and value is not None else value
        with self._opened(node):
            if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
                return [self._value(item, written=written) for item in node.value]
            if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
                return {key: self._value(value, written=written) for key, value in self._pairs(node)}
        return self._refuse(node, f"holds {node.tag.removeprefix(_TAG)!r}, which is no plain data")

    def _pairs(self, node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
        """Keys and values, with what `<<` merges into them first, so that the mapping's own go over it."""
        import yaml

        own: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, "has a list or a mapping as a key")
            if key.tag == f"{_TAG}merge":
                for other in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if not isinstance(other, yaml.MappingNode):
                        self._refuse(value, "merges by << what is no mapping")
                    self._counted(other)
                    with self._opened(other):
                        yield from self._pairs(other)
            elif key.value in own:
                self._refuse(key, f"has the key {key.value} twice")
            else:
                own[str(key.value)] = value
        yield from own.items()

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        kind = node.tag.removeprefix(_TAG)
        if kind in ("timestamp", "value", "merge"):
            return str(node.value)
        if kind not in _PLAIN:
            return self._refuse(node, f"holds {kind!r}, which is no plain data")
        try:
            value: str | int | float | bool | None = self._loader.construct_object(node)
        except (ValueError, LookupError, ArithmeticError):
            return self._refuse(node, f"holds {mask(node.value)[:40]!r}, which is no {kind}")
        if isinstance(value, int) and not isinstance(value, bool) and not _DECIMAL.fullmatch(node.value):
            return str(node.value)
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(node, f"holds {node.value}, which is no number")
        return value

    @contextlib.contextmanager
    def _opened(self, node: yaml.Node) -> Iterator[None]:
        if id(node) in self._open:
            self._refuse(node, "holds an alias that stands for itself")
        self._open.add(id(node))
        try:
            yield
        finally:
            self._open.discard(id(node))

    def _counted(self, node: yaml.Node) -> None:
        self._count += 1
        if self._count > _MAX_VALUES:
            self._refuse(node, f"holds more than {_MAX_VALUES:,} values once its aliases are expanded")

    def _refuse(self, node: yaml.Node, problem: str) -> NoReturn:
        raise self.wrong(problem, line=node.start_mark.line + 1)


def read_yaml(path: str, hint: str = "") -> YamlFile:
    """Read a YAML file.

    Raises:
        InputError: it can't be read, is larger than 1 MiB, no UTF-8 or no YAML.
    """
    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(path, (error.strerror or str(error)).lower(), hint) from error
    if len(data) > MAX_BYTES:
        raise InputError(path, f"is larger than {MAX_BYTES >> 20} MiB", hint)
    try:
        return YamlFile(data.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}", "is not UTF-8", "save it as UTF-8") from error


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    """The value behind a key or an index, and the line of that key or item."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == step:
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line + 1, node.value[step]
    return None
