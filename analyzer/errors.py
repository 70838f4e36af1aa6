"""The one error that bad input raises."""


class InputError(Exception):
    """An input that can't be read: what it is, what is wrong with it, and what to do next.

    `subject` names the file (and the member and offset inside it, where there are any),
    `problem` is one sentence without the subject, `hint` is the next step or "".
    """

    def __init__(self, subject: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{subject}: {problem}")
        self.subject = subject
        self.problem = problem
        self.hint = hint
