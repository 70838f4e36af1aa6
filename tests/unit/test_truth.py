"""The linter put before the labelled set: each label right, or known to be wrong."""

from __future__ import annotations

import pytest
from labelled_set import PROBLEMS, Case, imglint_says, meanings, read_cases

from imglint.rules.registry import by_code

CASES = read_cases()
LABELS = [label for case in CASES for label in case.labels]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_label_is_right_or_known_to_be_wrong(case: Case) -> None:
    wrong = [label for label, right in case.judged(imglint_says(case)) if right is label.known]
    assert wrong == [], case.text


def test_the_set_is_large_and_has_both_sides_of_each_problem() -> None:
    assert len(LABELS) >= 300
    both = {(label.problem, label.due) for label in LABELS}
    assert {(problem, due) for problem in PROBLEMS for due in (True, False)} - both == set()
    assert all(label.why for label in LABELS)


def test_what_is_known_to_be_wrong_is_little() -> None:
    assert sum(label.known for label in LABELS) * 20 <= len(LABELS)


def test_the_codes_are_rules_of_the_default_profile() -> None:
    assert [code for code in meanings("imglint") if not by_code(code).default] == []


def test_a_wrong_answer_is_noticed() -> None:
    case = next(case for case in CASES if any(label.due for label in case.labels))
    assert any(not right for _, right in case.judged(set()))
    everything = {(problem, line) for problem in PROBLEMS for line in range(1, 200)}
    assert all(right is label.due for label, right in case.judged(everything))
