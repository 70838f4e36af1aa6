"""Lays two sequences side by side, and tells of which pairs there is no doubt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

_MATCH = 4
_GAP = -2
_SLACK = 3  # a way that is worse by so little is as good a guess; less than a match


def aligned(
    matches: Sequence[Collection[int]],
    width: int,
    free_rows: Collection[int] = (),
    free_columns: Collection[int] = (),
    *,
    free_start: bool = False,
) -> dict[int, int]:
    """The pairs (row → column) of which there is no doubt.

    Args:
        matches: for each row, the columns that it can be paired with.
        width: the number of columns.
        free_rows: rows that may stay alone without a loss.
        free_columns: … and columns.
        free_start: whether the columns before the first pair may be any number.
    """
    row_costs = [0 if row in free_rows else _GAP for row in range(len(matches))]
    column_costs = [0 if column in free_columns else _GAP for column in range(width)]
    ahead = _scores(matches, row_costs, column_costs, free_start=free_start)
    turned = [{width - 1 - column for column in columns} for columns in reversed(matches)]
    behind = _scores(turned, row_costs[::-1], column_costs[::-1], free_end=free_start)
    return _certain(matches, row_costs, ahead, behind[::-1])


def continuous(
    fits: Callable[[int, int], bool],
    height: int,
    width: int,
    free_rows: Collection[int] = (),
    free_columns: Collection[int] = (),
    *,
    free_start: bool = False,
) -> dict[int, int] | None:
    """The pairs (row → column), if all rows fit the last columns with nothing between; None if they don't.

    `fits` tells whether a row and a column can be paired, `height` is the number of rows; the other
    arguments are those of `aligned`.
    """
    pairs = {}
    column = width - 1
    row = height - 1
    while row >= 0:
        if column >= 0 and fits(row, column):
            pairs[row] = column
            row, column = row - 1, column - 1
        elif row in free_rows:
            row -= 1
        elif column in free_columns:
            column -= 1
        else:
            return None
    return pairs if free_start or all(one in free_columns for one in range(column + 1)) else None


def _scores(
    matches: Sequence[Collection[int]],
    row_costs: Sequence[int],
    column_costs: Sequence[int],
    *,
    free_start: bool = False,
    free_end: bool = False,
) -> list[list[int]]:
    """The best score of the first rows with the first columns, for each number of both.

    With `free_end` the columns behind the last row of all cost nothing, with `free_start` those
    before the first.
    """
    line = [0]
    for cost in column_costs:
        line.append(0 if free_start else line[-1] + cost)
    out = [line]
    for row, (columns, row_cost) in enumerate(zip(matches, row_costs, strict=True)):
        at_end = free_end and row == len(matches) - 1
        before = line
        best = before[0] + row_cost
        line = [best]
        for column, column_cost in enumerate(column_costs):
            best = max(best if at_end else best + column_cost, before[column + 1] + row_cost)
            if column in columns:
                best = max(best, before[column] + _MATCH)
            line.append(best)
        out.append(line)
    return out


def _certain(
    matches: Sequence[Collection[int]],
    row_costs: Sequence[int],
    ahead: Sequence[Sequence[int]],
    behind: Sequence[Sequence[int]],
) -> dict[int, int]:
    """The pairs that every good way has: a row that may stay alone, or has two columns, is in doubt.

    `behind` has the scores of what is left, from the last column to the first.
    """
    good = ahead[-1][-1] - _SLACK
    out = {}
    for row, columns in enumerate(matches):
        if not columns:
            continue
        left = behind[row + 1][::-1]
        before = ahead[row]
        found = [column for column in columns if before[column] + _MATCH + left[column + 1] >= good]
        if len(found) == 1 and max(map(int.__add__, before, left)) + row_costs[row] < good:
            out[row] = found[0]
    return out
