from collections import namedtuple

import pytest

from croton.util.structure import flatten, map_structure, paths, unflatten

Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "tree",
    [1, [], (), {}, None, [1, (2, 3), {"b": 4, "a": [5]}], Point(1, [2, None]), {"k": None}, ([],)],
)
def test_round_trip(tree: object) -> None:
    leaves, structure = flatten(tree)
    again = unflatten(structure, leaves)
    assert again == tree
    assert type(again) is type(tree)


def test_order_and_map() -> None:
    assert flatten({"b": 1, "a": [2, 3]})[0] == [1, 2, 3]
    assert map_structure(lambda v: v * 2, {"b": 1, "a": Point(2, None)}) == {"b": 2, "a": Point(4, None)}


def test_structures_compare_and_hash() -> None:
    assert flatten([1, {"a": 2}])[1] == flatten([5, {"a": 6}])[1]
    assert flatten([1])[1] != flatten((1,))[1]
    assert flatten([None])[1] != flatten([1])[1]
    assert hash(flatten({"a": (1, 2)})[1]) == hash(flatten({"a": (3, 4)})[1])


def test_paths_say_how_leaves_are_reached() -> None:
    tree = {"first": Point(1, 2), "rest": [3, (4, None)]}
    leaves, structure = flatten(tree)
    found = list(paths(structure, "tree"))
    assert found == ["tree['first'].x", "tree['first'].y", "tree['rest'][0]", "tree['rest'][1][0]"]
    assert [eval(path, {"tree": tree}) for path in found] == leaves
