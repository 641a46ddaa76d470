"""Mutated configs, data, models, ledgers and sweeps: read right, or refused in a sentence.

    python -m benchmarks.fuzz                         # 2,000 inputs, 100 of them by the command
    python -m benchmarks.fuzz --kinds data --seed 3   # only data files, of another seed

An input is a config, or a config with data files or a model folder that were mutated, or the folder
of a sweep whose ledger or other files were mutated. Each is
*right* (accepted, and the result is that of an independent reader), *refused* (a `SweepError`),
*wrong* (accepted, with another result; or commands that disagree whether a ledger is damaged), a
*traceback* (any other exception, exit code 1, or no end), or *outside* (an exit code that no
document names, a control character in the output, a change to a file outside of the scratch folder,
to the input itself, to the home or to the current folder; for the folder of a sweep also a file
beside it that was read, and other content in the cache). The independent readers:

- configs: PyYAML's own loader. Every setting that the text or an override gives must have that
  value in the resolved config, and all others must have their defaults.
- data: the rows that were written; for damaged files those that Python's `csv`, `json` and `gzip`
  modules or pandas read. They are compared with the decoded tokens and the label names of a task.
- models: plain transformers on the same folder, one text at a time without padding. Logits are
  compared by label name, and so is the accuracy.
- ledgers and folders: the lines of the ledger, as JSON, with the front by brute force. They are
  compared with the tables. An interrupted sweep that is continued must give the records of one that
  was not, and an export of a damaged folder the weights of the undamaged one.

Most inputs go through the Python functions that the commands call. "By the command" means
`sweep.cli.main.main` with the arguments in ``sys.argv``: for ``--cli`` inputs in this process, but
for a fifth of them in a child process, which takes seconds to start. `check --json` answers for a
config; `trial --json` for two in three data and models (accuracy, number of examples), `check` for
the others; one of all commands for a sweep. As functions, every command is given each sweep:
drivers end where they would connect to Ray, and a search is then continued by a driver and worker
code without Ray. Writes are seen by an
audit hook of Python in this process, so not those of native code, and by a look at the folders of
the input, which also holds for child processes.
"""
