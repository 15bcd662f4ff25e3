"""`python -m bm25`."""

import sys

from bm25.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
