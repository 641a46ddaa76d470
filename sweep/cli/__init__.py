"""The bodies of the commands, imported one at a time by `sweep.cli.main`."""
