"""`python -m tests.golden` rewrites the golden files; with `--show`, prints what they should be and writes nothing."""

import sys

from tests.golden import FILES, generated, head

for path in FILES:
    text = head(path) + "\n" + generated(path)
    if "--show" in sys.argv[1:]:
        print(text)
    elif path.read_text() != text:
        path.write_text(text)
        print("rewritten:", path.name)
