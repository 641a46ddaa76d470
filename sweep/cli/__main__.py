"""`python -m sweep`: the command where it is not on PATH, as in a job on a cluster."""

from sweep.cli.main import main

if __name__ == "__main__":
    main()
