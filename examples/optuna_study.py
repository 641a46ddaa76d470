"""The search's sampler in an Optuna study: python examples/optuna_study.py (needs 2 seconds)."""

import optuna

from sweep import EhviSampler

SPACE = {"sparsity": {"low": 0.3, "high": 0.95}, "method": ["l1-norm", "random"]}
SPACE["finetune_epochs"] = {"low": 1, "high": 4}
sampler = EhviSampler(SPACE, known={"sparsity": lambda params: params["sparsity"]})


def objective(trial: optuna.Trial) -> tuple[float, float]:
    params, records = sampler.suggest(trial), []
    cost = params["sparsity"] ** 6 * (2 if params["method"] == "random" else 1)
    for epoch in range(params["finetune_epochs"] + 1):  # your model: prune it, then train it
        records.append((epoch, 0.9 - cost / (3 + epoch), 0.01))  # epoch, accuracy, its error
        trial.set_user_attr("records", records)
    return records[-1][1], params["sparsity"]


study = optuna.create_study(directions=["maximize", "maximize"], sampler=sampler)
study.optimize(objective, n_trials=30)
print(*(trial.values for trial in study.best_trials), sep="\n")
