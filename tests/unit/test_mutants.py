"""The mutants of a small module: these, and no others."""

from __future__ import annotations

from mutants import GUARDS, guarded, mutants

TEXT = '''
"""A module."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from x import y

LIMIT = 3

def least(values: list[int], on: bool = True) -> int:
    """The first of 2."""
    for one in values:
        if on and one >= LIMIT:
            continue
        print(f"one {one + 1}")
        return one * 2
    return 0
'''


def test_of_a_module() -> None:
    found = [(one.line, one.before, one.after) for one in mutants("m.py", TEXT)]
    assert sorted(found) == sorted([
        (8, "3", "4"),
        (10, "True", "False"),
        (13, "on and one >= LIMIT", "on or one >= LIMIT"),
        (13, "one >= LIMIT", "one > LIMIT"),
        (14, "continue", "break"),
        (15, "print(f'one {one + 1}')", "pass"),
        (16, "return one * 2", "return None"),
        (16, "one * 2", "one // 2"),
        (16, "2", "3"),
        (17, "return 0", "return None"),
        (17, "0", "1"),
    ])  # fmt: skip


def test_a_mutant_is_the_module_with_one_change() -> None:
    (one,) = mutants("m.py", "a = 1\nb = 'x'\n")
    assert one.text == "a = 2\nb = 'x'"
    assert str(one) == "m.py:1: 1 → 2"


def test_every_guard_guards_something() -> None:
    modules = {one.module for one in guarded()}
    assert len(modules) >= len(GUARDS)
    assert all((len(one.tests) > 0, one.text) for one in guarded())
