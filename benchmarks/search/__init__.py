"""Epochs that a search needs to find its front, measured on replayed real learning curves.

    python -m benchmarks.search [--tables benchmarks/tables/*.npz] [--workers 8 64] [--seeds 30]

A table (:mod:`table`) has the accuracy after each epoch of this project's own trials over a grid of
params, with several seeds. A world (:mod:`world`) interpolates it to a curve for any params and
seed. A virtual clock (:mod:`clock`) gives trials to N workers, and their records, in order of time,
to a method: our real ``Search``, or the real libraries (:mod:`methods`). The results are
hypervolumes over epochs (:mod:`measures`), tables and figures.

**Conditions.** Every method has the same space, the same budget of finetune epochs and the same
noise for trial n of seed s. **Every record of every trial counts as a found point**, also if the
library itself uses only a trial's last one. This favours the other methods: a record within a trial
equals a shorter trial only if the learning rate has no horizon. Proposals take no time on the
clock.

**The score** is the hypervolume with the reference point (accuracy of the majority class, sparsity
0), relative to that of the world's complete front. It covers all evaluated points with their true
accuracies (means over seeds), so noise is not rewarded and the score never falls. A second score
covers the points that look best by the observed, noisy accuracies. Selecting points among them is
the task of a confirmation with new seeds.
"""
