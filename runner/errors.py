"""The one error that an engine's trouble raises."""


class EngineError(Exception):
    """An engine that can't be reached, or that refuses: which, what it said, and what to do next."""

    def __init__(self, subject: str, problem: str, hint: str = "", *, refused: bool = False) -> None:
        super().__init__(f"{subject}: {problem}")
        self.subject = subject
        self.problem = problem
        self.hint = hint
        self.refused = refused  # the engine says that it did nothing
