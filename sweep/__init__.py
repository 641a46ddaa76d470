"""prunesweep: a distributed search for how far a transformer can be pruned, and at what cost.

The functions and classes here are the public API::

    import analysis
    import sweep

    for record in sweep.trial("digits", sparsity=0.8, finetune_epochs=2).run():
        print(record)
    folder = sweep.run("digits", "search.trials=8")
    print(analysis.load(folder).front)

The package `analysis` reads what a sweep leaves behind. Importing this package costs nothing: what
a name needs (torch, Ray) is imported when it is first used. ``__init__.pyi`` has the names.
"""

from sweep.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__file__)
