# %% [markdown]
# # A sweep in a notebook
#
# `make demo` makes `results/demo`; the last cells compare it with the same sweep under another
# seed: `sweep run results/demo/config.yaml search.seed=1 --out results/demo-again`.
#
# Open this file as a notebook in Jupyter (jupytext), VS Code or PyCharm. It needs pandas, numpy,
# pyarrow, matplotlib, plotly and jinja2, and nothing of what ran the sweep.

# %%
import analysis

results = analysis.load("results/demo")  # a folder, or s3://..., gs://... through fsspec
results

# %% [markdown]
# The front, with how sure each point is: a 95 % interval, the probability that it belongs there,
# and whether it is within one point of dense (certified, likely, not).

# %%
sure = ["accuracy_low", "accuracy_high", "front_probability", "verdict"]
results.front[["trial_id", "epoch", "sparsity", "accuracy", *sure]]

# %%
results.plot_front()

# %% [markdown]
# Which point do I take? The most accurate one from 80 % sparsity up, and what comes second.

# %%
answer = results.best(min_sparsity=0.8)
answer

# %% [markdown]
# Is it worse than the dense model? Both answered the same examples: McNemar's test, and a
# bootstrap of the difference, in pairs.

# %%
point = answer.point if answer.point is not None else answer.nearest
paired = results.compare_points((point["trial_id"], int(point["epoch"])), "dense")
paired.text

# %% [markdown]
# What did the search need to know 95 % of what it knew in the end?

# %%
traces = results.traces()
enough = traces["hypervolume"] >= 0.95 * traces["hypervolume"].iloc[-1]
traces[enough].iloc[0]

# %% [markdown]
# What mattered? All evaluations are rows of one table.

# %%
settings = ["param_method", "param_scope", "epoch"]
results.records.query("stage != 'baseline'").groupby(settings)["accuracy"].agg(["mean", "count"])

# %% [markdown]
# Several sweeps: what each found at what cost, and what differs in their configs.

# %%
both = analysis.load(["results/demo", "results/demo-again"])
both.table[["name", "hypervolume", "hypervolume_share", "front_points", "trials", "epochs"]]

# %%
both.config_differences

# %% [markdown]
# What at least half of them attain: corners of a surface, in the order of the objectives.

# %%
both.attainment(0.5)
