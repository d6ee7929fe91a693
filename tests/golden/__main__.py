"""`python -m tests.golden` rewrites the golden files and the output in README.md's tour; with `--show` it only prints
what the golden files should be."""

import sys

from tests.golden import FILES, _readme, generated, head

wanted = {path: head(path) + "\n" + generated(path) for path in FILES}
if "--show" in sys.argv[1:]:
    print(*wanted.values(), sep="\n")
else:
    wanted[_readme.README] = _readme.run(_readme.README.read_text())
    for path, text in wanted.items():
        if path.read_text() != text:
            path.write_text(text)
            print("rewritten:", path.name)
