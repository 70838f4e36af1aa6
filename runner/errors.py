"""The one error that an engine's trouble raises."""


class EngineError(Exception):
    """An engine that can't be reached, or that refuses: which, what it said, and what to do next."""

    def __init__(self, subject: str, problem: str, hint: str = "", *, status: int | None = None) -> None:
        super().__init__(f"{subject}: {problem}")
        self.subject = subject
        self.problem = problem
        self.hint = hint
        self.status = status  # the answer's, as HTTP has it; None where the engine gave none

    @property
    def answered(self) -> bool:
        """Whether the engine itself said so. Else it says nothing about an image."""
        return self.status is not None


class DiskFilledError(EngineError):
    """A container that writes without end into its own layer."""
