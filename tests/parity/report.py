"""Print what the parity tests are run over: `python -m tests.parity.report`."""

from __future__ import annotations

from tests.oracle import installed_version
from tests.parity.words import table


def main() -> None:
    rows = table()
    print(f"Words compared with the engine (qdrant-edge-py {installed_version()}), each as it is, in title")
    print("case and in capitals, alone and among others, as document and as query:\n")
    print("| language | words | stopwords |")
    print("|---|---|---|")
    for language, words, stopwords in rows:
        print(f"| {language} | {words:,} | {stopwords:,} |")
    print(f"| all | {sum(row[1] for row in rows):,} | {sum(row[2] for row in rows):,} |")


if __name__ == "__main__":
    main()
