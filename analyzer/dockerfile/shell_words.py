"""Where shell words end: quotes, expansions and substitutions, passed over by offset."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[^\s'\"\\$`();&|<>]+")


def word_end(text: str, at: int, end: int, inner: list[tuple[int, int]]) -> int:
    """Where the word that starts at `at` ends; `inner` receives the ranges of substitutions."""
    start = at
    while at < end:
        plain = _PLAIN.match(text, at, end)
        if plain:
            at = plain.end()
            continue
        char = text[at]
        if char == "\\":
            at += 2
        elif char == "'":
            close = text.find("'", at + 1, end)
            at = end if close < 0 else close + 1
        elif char == '"':
            at = _double_quotes(text, at + 1, end, inner)
        elif char == "$":
            at = _dollar(text, at, end, inner)
        elif char == "`":
            close = _backtick(text, at + 1, end)
            inner.append((at + 1, close))
            at = close + 1
        elif char in "<>" and at == start and text.startswith("(", at + 1):
            close = closing(text, at + 2, end)
            inner.append((at + 2, close - 1))
            at = close
        elif char == "(" and at > start and text[at - 1] in "=@!+*?":
            at = closing(text, at + 1, end)  # an array, or an extended pattern
        else:
            break
    return min(at, end)


def _double_quotes(text: str, at: int, end: int, inner: list[tuple[int, int]]) -> int:
    while at < end:
        char = text[at]
        if char == '"':
            return at + 1
        if char == "\\":
            at += 2
        elif char == "$":
            at = _dollar(text, at, end, inner)
        elif char == "`":
            close = _backtick(text, at + 1, end)
            inner.append((at + 1, close))
            at = close + 1
        else:
            at += 1
    return end


def _dollar(text: str, at: int, end: int, inner: list[tuple[int, int]]) -> int:
    """Behind `$name`'s dollar, `$'…'`, `$(…)`, `$((…))` or `${…}`."""
    follower = text[at + 1] if at + 1 < end else ""
    if follower == "(":
        close = closing(text, at + 2, end)
        if not text.startswith("((", at + 1):
            inner.append((at + 2, max(close - 1, at + 2)))
        return close
    if follower == "{":
        depth = 1
        at += 2
        while at < end and depth:
            char = text[at]
            if char == "\\":
                at += 1
            elif char == "{":
                depth += 1
            elif char == "}":
                depth -= 1
            at += 1
        return min(at, end)
    if follower == "'":
        at += 2
        while at < end and text[at] != "'":
            at += 2 if text[at] == "\\" else 1
        return min(at + 1, end)
    return at + 1


def _backtick(text: str, at: int, end: int) -> int:
    while at < end and text[at] != "`":
        at += 2 if text[at] == "\\" else 1
    return min(at, end)


def closing(text: str, at: int, end: int) -> int:
    """Behind the parenthesis that closes the one before `at`; quotes are passed over."""
    depth = 1
    quotes: list[int] = []  # the depth at which each open double quote stands
    while at < end:
        char = text[at]
        if char == "\\":
            at += 2
            continue
        if char == '"':
            if quotes and quotes[-1] == depth:
                quotes.pop()
            else:
                quotes.append(depth)
        elif quotes and quotes[-1] == depth:
            if text.startswith("$(", at):
                depth += 1
                at += 1
        elif char == "'":
            close = text.find("'", at + 1, end)
            at = end if close < 0 else close
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if not depth:
                return at + 1
        at += 1
    return end
