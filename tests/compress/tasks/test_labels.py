"""Labels: which class each label of the data gets, and which labels are refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from sweep.compress.tasks.columns import Raw
from sweep.compress.tasks.labels import Classes, agree, is_unnamed, labels_of
from sweep.errors import UsageError

TWO = ["LABEL_0", "LABEL_1"]


def raw(labels: list[Any], schema: tuple[str, ...] | None = None) -> Raw:
    return Raw(["t"] * len(labels), None, labels, schema)


def classes(
    train: list[Any],
    head: list[str] | None = None,
    given: list[str] | None = None,
    *,
    validation: list[Any] | None = None,
    schema: tuple[str, ...] | None = None,
) -> Classes:
    other = None if validation is None else raw(validation)
    return agree(labels_of(raw(train, schema), other), head, given)


@pytest.mark.parametrize(
    ("labels", "names", "ids"),
    [
        ([2, 0, np.int64(1), 2], ["0", "1", "2"], [2, 0, 1, 2]),
        ([1, 2, 1], ["1", "2"], [0, 1, 0]),  # no class 0
        ([1000, 0], ["0", "1000"], [1, 0]),
        ([-1, 1], ["-1", "1"], [0, 1]),
        ([1.0, 0.0], ["0", "1"], [1, 0]),
        ([0.5, 1.5, 1.0] * 2, ["0.5", "1", "1.5"], [0, 2, 1] * 2),
        (["10", "9", "2"], ["2", "9", "10"], [2, 1, 0]),
        (["10.5", "9", "2"] * 2, ["2", "9", "10.5"], [2, 1, 0] * 2),
        ([True, False], ["False", "True"], [1, 0]),
        (["pos", "neg", "pos"], ["neg", "pos"], [1, 0, 1]),
        (["b10", "b9", "7"], ["7", "b10", "b9"], [1, 2, 0]),
    ],
)
def test_a_new_head_has_the_labels_that_occur(
    labels: list[Any], names: list[str], ids: list[int]
) -> None:
    found = classes(labels)
    assert (list(found.names), found.ids_of(raw(labels), "train").tolist()) == (names, ids)
    assert found.warnings == ()


def test_a_class_of_validation_alone_is_a_class() -> None:
    assert classes(["a", "c"], validation=["c", "b"]).names == ("a", "b", "c")
    with pytest.raises(UsageError, match="no example of the labels 0, 1 of validation, nor of any"):
        classes(["a", "c"], validation=[0, 1])


def test_the_same_labels_in_other_types_are_the_same_classes() -> None:
    found = classes([0, 1], validation=["1", "0"])
    assert found.names == ("0", "1")
    for labels in ([0.0, 1.0], [False, True], ["0", "1.0"], ["false", "True"]):
        assert found.ids_of(raw(labels), "test").tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "head", "names", "ids"),
    [
        (["neg", "pos"], ["pos", "neg"], ["pos", "neg"], [1, 0]),
        (["NEG", "Pos"], ["pos", "neg"], ["pos", "neg"], [1, 0]),
        (["neg", "pos"], ["pos", "mixed", "neg"], ["pos", "mixed", "neg"], [2, 0]),
        (["a", "A"], ["A", "a"], ["A", "a"], [1, 0]),  # exact before any case
        ([0, 1], TWO, TWO, [0, 1]),
        (["1", "0"], TWO, TWO, [1, 0]),
        ([0.0, 1.0], TWO, TWO, [0, 1]),
        (["LABEL_1", "LABEL_0"], TWO, TWO, [1, 0]),
        ([0, 1], ["pos", "neg"], ["pos", "neg"], [0, 1]),  # integers are the head's ids
        ([0, 1], ["1", "0"], ["1", "0"], [1, 0]),  # if they are not its names
        ([1, 2, 3], ["1", "2", "3"], ["1", "2", "3"], [0, 1, 2]),
        ([0, 1, 2], ["1", "2", "3"], ["1", "2", "3"], [0, 1, 2]),
        ([True, False], ["True", "False"], ["True", "False"], [0, 1]),
    ],
)
def test_labels_find_the_head_by_name_and_else_by_number(
    labels: list[Any], head: list[str], names: list[str], ids: list[int]
) -> None:
    found = classes(labels, head)
    assert (list(found.names), [found.id_of(label) for label in labels]) == (names, ids)
    # A model that is saved with the agreed names and loaded again has the same classes.
    again = classes(labels, list(found.names))
    assert (again.names, [again.id_of(label) for label in labels]) == (found.names, ids)


@pytest.mark.parametrize(
    ("labels", "head"),
    [
        (["neg", "pos"], TWO),
        (["neg", "pos"], ["negative", "positive"]),
        (["neg", "pos", "mixed"], ["neg", "pos"]),
        ([1, 2], TWO),
        ([-1, 1], TWO),
        ([0.5, 1.0], TWO),
        (["neg", 1], ["NEG", "neg2", "Neg"]),  # ambiguous
    ],
)
def test_labels_that_the_head_does_not_have_are_refused(labels: list[Any], head: list[str]) -> None:
    with pytest.raises(UsageError, match=r"cannot be found there.*label_names.*new_head=true"):
        classes(labels, head)


@pytest.mark.parametrize(
    ("labels", "head", "given", "names", "ids"),
    [
        ([0, 1], None, ["no", "yes"], ["no", "yes"], [0, 1]),
        (["yes", "no"], None, ["yes", "no"], ["yes", "no"], [0, 1]),  # not sorted
        ([1, 2], None, ["1", "2"], ["1", "2"], [0, 1]),
        ([0, 1], TWO, ["no", "yes"], ["no", "yes"], [0, 1]),
        (["yes", "no"], TWO, ["no", "yes"], ["no", "yes"], [1, 0]),
        (["yes", "no"], ["A", "B"], ["no", "yes"], ["no", "yes"], [1, 0]),
        ([0, 1], ["yes", "no"], ["no", "yes"], ["yes", "no"], [1, 0]),
        (["no", "yes"], ["yes", "maybe", "no"], ["no", "yes"], ["yes", "maybe", "no"], [2, 0]),
    ],
)
def test_given_names_name_integers_and_the_labels_of_a_head(
    labels: list[Any], head: list[str] | None, given: list[str], names: list[str], ids: list[int]
) -> None:
    found = classes(labels, head, given)
    assert (list(found.names), [found.id_of(label) for label in labels]) == (names, ids)


@pytest.mark.parametrize(
    ("head", "given"),
    [
        (TWO, ["a", "b", "c"]),
        (["yes", "no"], ["no", "perhaps"]),  # says that "no" is another label of the head
        (None, ["no", "perhaps"]),
        (None, ["x", "y"]),
    ],
)
def test_given_names_that_do_not_fit_are_refused(head: list[str] | None, given: list[str]) -> None:
    with pytest.raises(UsageError, match=r"task\.label_names"):
        classes(["yes", "no"], head, given)


def test_a_schema_names_the_integers() -> None:
    schema = ("neg", "pos", "other")
    assert classes([1, 0], schema=schema).names == schema
    turned = classes([1, 0, 2], ["Pos", "Other", "Neg"], schema=schema)
    assert [turned.id_of(n) for n in range(3)] == [2, 0, 1] and turned.warnings == ()
    assert classes([0, 1, 2], ["LABEL_0", "LABEL_1", "LABEL_2"], schema=schema).names == schema
    unlike = classes([0, 1, 2], ["a", "b", "c"], schema=schema)
    assert (unlike.names, unlike.ids) == (("a", "b", "c"), (0, 1, 2))
    assert "matched in this order" in unlike.warnings[0]
    given = classes([0, 1, 2], None, ["other", "neg", "pos"], schema=schema)
    assert (given.names, given.ids) == (("other", "neg", "pos"), (1, 2, 0))
    mixed = classes([0, 1, 2], schema=schema, validation=["pos", "neg"])
    assert mixed.ids_of(raw(["pos", "neg"]), "validation").tolist() == [1, 0]
    with pytest.raises(UsageError, match="names its labels pos, neg, but others neg, pos, other"):
        mixed.ids_of(raw([0, 1], ("pos", "neg")), "split 'test'")
    with pytest.raises(
        UsageError, match=r"row 1 .*, -1, has no name: .* 0 to 2 as neg, pos, other"
    ):
        classes([0, -1, 1], schema=schema)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (None, "null, is missing"),
        (float("nan"), "nan, is missing"),
        ("", "'', is missing"),
        ("  ", "is missing"),
        ([1, 0], "is a list: several labels"),
        ({"a": 1}, "is a list: several labels"),
        ("['a', 'b']", "is a list: several labels"),
        (b"a", "is of type bytes"),
        (float("inf"), "is of type float"),
    ],
)
@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_value_that_is_no_label_is_refused_with_its_row(
    label: Any, message: str, split: str
) -> None:
    bad: list[Any] = ["a", "b", label]
    train, validation = (bad, ["a"]) if split == "train" else (["a", "b"], bad)
    where = re.escape(f"split '{split}': the label in row 2 (from 0), ")
    with pytest.raises(UsageError, match=f"{where}.*{re.escape(message)}"):
        classes(train, validation=validation)


@pytest.mark.parametrize("labels", [["pos", "pos"], [1, 1, 1], [1, True, "1"]])
def test_a_single_class_is_refused(labels: list[Any]) -> None:
    with pytest.raises(UsageError, match=r"at least 2 labels|same number"):
        classes(labels)


def test_two_texts_of_one_number_are_refused() -> None:
    with pytest.raises(UsageError, match=r"'1\.1' and '1\.10', which are the same number"):
        classes(["1.1", "1.10", "2"])
    assert classes(["01", "1"]).names == ("01", "1")  # 01 is a text


def test_numbers_that_hardly_repeat_are_no_classes() -> None:
    ratings = [i * 0.37 for i in range(60)]
    for labels in (ratings, [*ratings[:25]] * 10, list(range(60)), [str(i) for i in ratings]):
        with pytest.raises(UsageError, match="regression is not supported"):
            classes(labels)
    assert len(classes([i / 2 for i in range(10)] * 3).names) == 10
    assert len(classes(list(range(60)) * 2).names) == 60
    assert classes([0.25, 1.5], given=["0.25", "1.5"]).names == ("0.25", "1.5")


@pytest.mark.parametrize("label", [2, -1, "neutral", 0.5])
def test_an_unknown_label_of_a_split_is_refused_with_its_row(label: Any) -> None:
    found = classes([0, 1], TWO)
    with pytest.raises(UsageError, match=r"split 'test': the label .* in row 1 .* none of the 2"):
        found.ids_of(raw([0, label, 1]), "split 'test'")


def test_default_names_are_recognised() -> None:
    assert is_unnamed(TWO) and is_unnamed(["label_0"])
    assert not is_unnamed(TWO[::-1]) and not is_unnamed(["LABEL_0", "pos"])
