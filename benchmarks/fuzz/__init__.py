"""Mutated configs, data files and model folders: read right, or refused in a sentence.

    python -m benchmarks.fuzz                         # 2,000 inputs, 100 of them by the command
    python -m benchmarks.fuzz --kinds data --seed 3   # only data files, of another seed

An input is a config, or a config with data files or a model folder that were mutated. Each is
*right* (accepted, and the result is that of an independent reader), *refused* (a `SweepError`),
*wrong* (accepted, with another result), a *traceback* (any other exception, or exit code 1), or
*outside* (an exit code that no document names, or a change to a file outside of the scratch
folder, to the input itself, to the home or to the current folder). The independent readers:

- configs: PyYAML's own loader. Every setting that the text or an override gives must have that
  value in the resolved config, and all others must have their defaults.
- data: the rows that were written; for damaged files those that Python's `csv`, `json` and `gzip`
  modules or pandas read. They are compared with the decoded tokens and the label names of a task.
- models: plain transformers on the same folder, one text at a time without padding. Logits are
  compared by label name, and so is the accuracy.

Most inputs go through the Python functions that the commands call. "By the command" means
`sweep.cli.main.main` with the arguments in ``sys.argv``: for ``--cli`` inputs in this process, but
for a fifth of them in a child process, which takes seconds to start. `check --json` answers for a
config; `trial --json` for two in three data and models (accuracy, number of examples), `check` for
the others. Writes are seen by an
audit hook of Python in this process, so not those of native code, and by a look at the folders of
the input, which also holds for child processes.
"""
