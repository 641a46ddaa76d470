"""The working copy."""

from __future__ import annotations

import torch
from torch import nn

from sweep.compress.dense.working import Dense
from sweep.compress.models import set_dropout
from sweep.compress.prune import ActivationPruner, Targets
from sweep.compress.prune.targets import prunable_modules
from tests.harness import tiny


def test_a_reset_undoes_whatever_was_done() -> None:
    dense = Dense.of(tiny.bert())
    model = dense.model
    batch = torch.arange(8).view(1, 8)
    expected = model.eval()(batch).logits
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    set_dropout(model, 0.7)
    pruner = ActivationPruner(prunable_modules(model, Targets()), 0.5, "l1-norm", "local")
    pruner.attach()
    dense.undo.append(pruner.remove)
    model.train()(batch).logits.sum().backward()
    assert dense.reset() is model
    assert torch.equal(model.eval()(batch).logits, expected)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert {m.p for m in model.modules() if isinstance(m, nn.Dropout)} == {0.1}
    assert not any(module._forward_pre_hooks for module in model.modules())


@torch.no_grad()
def test_hooks_of_others_stay_and_another_model_has_a_trials_no_more_than_its_weights() -> None:
    dense = Dense.of(tiny.bert())
    words, seen = torch.arange(8).view(1, 8), []
    expected = dense.model.eval()(words).logits
    dense.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))
    pruner = ActivationPruner(prunable_modules(dense.model, Targets()), 0.5, "l1-norm", "local")
    pruner.attach()
    dense.undo.append(pruner.remove)
    pruned = dense.model(words).logits
    assert not torch.equal(pruned, expected)
    assert torch.equal(dense.another().eval()(words).logits, expected)
    assert torch.equal(dense.model(words).logits, pruned)  # the working copy was left alone
    assert torch.equal(dense.reset().eval()(words).logits, expected)
    assert len(seen) == 4
