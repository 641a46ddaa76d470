"""How many epochs a search needs for its front: real learning curves, replayed by a virtual clock.

    python -m benchmarks.search [--tables benchmarks/tables/*.npz] [--workers 8 64] [--seeds 30]

A table (:mod:`table`) holds the accuracy after each epoch of this project's own trials over a grid
of params, under several seeds. A world (:mod:`world`) makes of it a curve for any params and seed.
The clock (:mod:`clock`) hands trials to N workers and gives their records, in the order of time, to
a method: ours is the real ``Search``, the others are the real libraries (:mod:`methods`). What
comes out are hypervolumes against epochs (:mod:`measures`), tables and figures.

**The same for all.** Every method has the same space, the same budget of finetune epochs and the
same noise for trial n of seed s, and **every record of every trial counts as a point that it has
found**, also where the library itself would only know a trial's last one. That is generous to the
others: a record in the middle of a trial is worth a shorter trial only where the learning rate does
not depend on the horizon. Asking takes no time on the clock.

**The score** is a hypervolume with the reference point (accuracy of the majority class, sparsity
0), relative to that of the world's whole front. It is taken over all that a search has evaluated,
by true (mean over seeds) accuracies: nobody is rewarded for lucky noise, and what a search has
found it cannot lose. Beside it stands that of the points which look best by the noisy accuracies
seen: which of its points to believe is a question for a confirmation under fresh seeds, and those
who evaluate more pay more for luck there, whoever proposed.
"""
