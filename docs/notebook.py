# %% [markdown]
# # A sweep in a notebook
#
# `make demo` makes `results/demo`. The last cells compare it with the same sweep under another
# seed: `sweep run results/demo/config.yaml search.seed=1 --out results/demo-again`.
#
# Open this file as a notebook in Jupyter (jupytext), VS Code or PyCharm. It needs pandas, numpy,
# pyarrow, matplotlib, plotly and jinja2, but neither Ray, torch nor Optuna.

# %%
import analysis

results = analysis.load("results/demo")  # a folder, or s3://..., gs://... through fsspec
results

# %% [markdown]
# The front. Each point has a 95 % interval, the probability that it belongs on the front, and a
# verdict: is its accuracy at most 0.01 below dense (certified, likely, not)? Only a confirmed point
# can be certified.

# %%
sure = ["accuracy_low", "accuracy_high", "front_probability", "verdict"]
results.front[["trial_id", "epoch", "sparsity", "accuracy", *sure]]

# %%
results.plot_front()

# %% [markdown]
# The most accurate point with at least 80 % sparsity, and the second best.

# %%
answer = results.best(min_sparsity=0.8)
answer

# %% [markdown]
# Is this point worse than the dense model? Both answered the same examples, so McNemar's test and a
# paired bootstrap of the difference apply.

# %%
point = answer.point if answer.point is not None else answer.nearest
paired = results.compare_points((point["trial_id"], int(point["epoch"])), "dense")
paired.text

# %% [markdown]
# How many trials and epochs did the search need to reach 95 % of its final hypervolume?

# %%
traces = results.traces()
enough = traces["hypervolume"] >= 0.95 * traces["hypervolume"].iloc[-1]
traces[enough].iloc[0]

# %% [markdown]
# Which settings mattered? All evaluations are rows of one table.

# %%
settings = ["param_method", "param_scope", "epoch"]
results.records.query("stage != 'baseline'").groupby(settings)["accuracy"].agg(["mean", "count"])

# %% [markdown]
# Several sweeps: the hypervolume and the cost of each, and the differences of their configs.

# %%
both = analysis.load(["results/demo", "results/demo-again"])
both.table[["name", "hypervolume", "hypervolume_share", "front_points", "trials", "epochs"]]

# %%
both.config_differences

# %% [markdown]
# The values that at least half of the sweeps attain: corners of the attainment surface. The columns
# are in the order of the objectives.

# %%
both.attainment(0.5)
