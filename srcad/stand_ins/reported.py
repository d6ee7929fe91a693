"""What solvers say of how they have come to their result."""

from __future__ import annotations


class Reported:
    """A result of a solver, with what is said of how it was found; none of that has a derivative."""

    @property
    def success(self):
        return self.details.found.success

    @property
    def converged(self):
        return self.details.found.converged

    @property
    def status(self):
        return self.details.found.status

    @property
    def message(self):
        return self.details.found.message

    @property
    def nit(self):
        return self.details.found.nit

    @property
    def nfev(self):
        return self.details.found.nfev

    @property
    def iterations(self):
        return self.details.found.iterations

    @property
    def function_calls(self):
        return self.details.found.function_calls

    def __getitem__(self, name: str):
        return getattr(self, name)
