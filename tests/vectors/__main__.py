"""``python -m tests.vectors FOLDER...``: exit code 0 only if nothing failed."""

import sys

from tests.vectors.runner import run_folders


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print("usage: python -m tests.vectors FOLDER...", file=sys.stderr)
        return 0 if sys.argv[1:] else 2
    return 1 if run_folders(sys.argv[1:], print).failed else 0


if __name__ == "__main__":
    sys.exit(main())
