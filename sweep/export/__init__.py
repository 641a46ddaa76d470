"""Hand the chosen model over: files that load without this project, checked before they are there.

export      one record of a sweep -> a new folder, whole or not at all
point       which record, and the trial as it stood there
files       the Hugging Face folder: weights, tokenizer, names of labels, masks, pruned activations;
            and how it is loaded
checks      the saved files answer as the trial's checkpoint does, and as the ledger says
sparse      bitmaps and non-zero values: a small file, and back
onnx        the model as a graph for other runtimes, an optional extra
card        the model card: figures with intervals, front, lineage, honest words on speed

The grid of a quantised model is written and read by `sweep.compress.quantize.layers`, its masks
are read by `sweep.compress.prune.targets`: a sweep that starts from an exported model needs them.
"""
