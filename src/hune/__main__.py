"""`python -m hune` is the command `hune`."""

from hune.cli import main

if __name__ == "__main__":
    main()
