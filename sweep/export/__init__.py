"""Hand the chosen model over: files that load without this project, checked before they are there.

export      one record of a sweep -> a new folder, whole or not at all
point       which record, and the trial as it stood there
model       the Hugging Face folder: weights, tokenizer, names of labels, masks
checks      the saved files answer as the trial's checkpoint does, and as the ledger says
sparse      bits and non-zero values: a small file, and back (planes: its bytes, deflated)
activations pruned activations: a file, and hooks that do as it says
grid        the grid of a quantised model: a file, and layers that compute there
to_onnx     the model as a graph for other runtimes, an optional extra
start       the masks of an exported model, for a sweep that starts from it
card        the model card: figures with intervals, front, lineage, honest words on speed (usage)
"""
