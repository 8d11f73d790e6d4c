"""The `headroom` command: arguments in, calls to the rooms, printing and exit codes out."""
