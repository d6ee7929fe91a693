"""README.md's tour, run: each block of Python that is followed by a block of text prints that text."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
SHOWN = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<output>.*?)```\n)?", re.DOTALL)


def run(text: str) -> str:
    """The text of a README with the output that its code gives: the blocks run in order, in one namespace, each as the
    file `tour.py` of a folder of its own."""
    names: dict = {"__name__": "tour"}
    with tempfile.TemporaryDirectory() as folder:

        def with_output(shown: re.Match) -> str:
            place = Path(tempfile.mkdtemp(dir=folder))
            (place / "tour.py").write_text(shown["code"])
            written = io.StringIO()
            with contextlib.redirect_stdout(written), inside(place):
                exec(compile(shown["code"], str(place / "tour.py"), "exec"), names)
            output = "\n".join(line.rstrip() for line in written.getvalue().rstrip().splitlines())
            return f"```python\n{shown['code']}```\n" + (f"\n```text\n{output}\n```\n" if output else "")

        return SHOWN.sub(with_output, text)


@contextlib.contextmanager
def inside(folder: Path):
    """The working directory changed for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
