"""The working copy of a dense model."""

from __future__ import annotations

import torch
from torch import nn

from sweep.compress.dense.working import Dense
from sweep.compress.dropout import set_dropout
from sweep.compress.prune.activations import ActivationPruner
from sweep.compress.prune.targets import prunable_modules
from sweep.config.sections import PruningConfig
from tests.harness import tiny


def test_a_reset_undoes_a_trial() -> None:
    dense = Dense.of(tiny.bert())
    model, batch, seen = dense.model, torch.arange(8).view(1, 8), []
    expected = model.eval()(batch).logits
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))  # a foreign hook
    pruner = ActivationPruner(prunable_modules(model, PruningConfig()), 0.5, "l1-norm", "local")
    pruner.attach()
    dense.undo.append(pruner.remove)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
        assert not torch.equal(model(batch).logits, expected)
    dense.undo.append(set_dropout(model, 0.7))
    model.train()(batch).logits.sum().backward()
    assert dense.reset() is model
    assert torch.equal(model.eval()(batch).logits, expected)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert {m.p for m in model.modules() if isinstance(m, nn.Dropout)} == {0.1}
    assert [len(m._forward_pre_hooks) for m in model.modules() if m._forward_pre_hooks] == [1]
    assert len(seen) == 3
