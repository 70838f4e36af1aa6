"""Dockerfiles: text to syntax tree to stages to resolved facts."""

from .dockerfile import Dockerfile
from .expansion import VariableUse, expand, uses
from .instruction import KEYWORDS, Comment, Directive, Fault, Instruction, Pair
from .reference import Reference, parse_reference
from .shell import Command, Redirect, Script
from .span import Span
from .stage import POSIX_SHELLS, PREDEFINED_ARGS, Stage, User
from .text import Text, Word

__all__ = [
    "KEYWORDS", "POSIX_SHELLS", "PREDEFINED_ARGS", "Command", "Comment", "Directive", "Dockerfile", "Fault",
    "Instruction", "Pair", "Redirect", "Reference", "Script", "Span", "Stage", "Text", "User", "VariableUse",
    "Word", "expand", "parse_reference", "uses",
]  # fmt: skip
