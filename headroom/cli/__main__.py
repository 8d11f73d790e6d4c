"""`python -m headroom.cli`: the same as the `headroom` command."""

from headroom.cli.main import main

if __name__ == "__main__":
    main()
