import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_metaseg.datasets.splits import assign_splits, draw_validation, split_groups
from napari_metaseg.errors import InputError


def items(make_item, *pairs):
    return [make_item(f"i{n}", group=g, split=s) for n, (g, s) in enumerate(pairs)]


@given(
    st.lists(st.text("abcdef", min_size=1, max_size=2), min_size=2, max_size=30),
    st.integers(0, 99),
    st.floats(0.05, 0.95),
)
def test_a_draw_takes_some_groups_but_never_all_and_ignores_order(groups, seed, fraction):
    drawn = split_groups(groups, seed, fraction)
    assert drawn == split_groups(groups[::-1], seed, fraction)
    assert drawn <= set(groups)
    if len(set(groups)) > 1:
        assert 0 < len(drawn) < len(set(groups))


def test_another_seed_draws_other_groups():
    groups = [str(i) for i in range(40)]
    assert split_groups(groups, 0, 0.3) != split_groups(groups, 1, 0.3)


def test_a_group_is_never_divided(make_item):
    chosen = items(make_item, *[(f"g{i % 5}", "") for i in range(20)])
    splits = assign_splits(chosen, seed=0, validation_fraction=0.3)
    for group in {item.group for item in chosen}:
        assert len({s for i, s in zip(chosen, splits, strict=True) if i.group == group}) == 1
    assert set(splits) == {"train", "val"}


def test_the_cohorts_own_splits_are_kept(make_item):
    chosen = items(make_item, ("a", "train"), ("b", "val"), ("c", "test"))
    assert assign_splits(chosen, 0, 0.2) == ["train", "val", "test"]


def test_items_without_a_group_stand_for_themselves(make_item):
    chosen = [make_item(f"i{n}") for n in range(10)]
    assert "val" in assign_splits(chosen, 0, 0.2)


def test_a_group_on_both_sides_is_refused(make_item):
    with pytest.raises(InputError, match="group 'a' is divided"):
        assign_splits(items(make_item, ("a", "train"), ("a", "val")), 0, 0.2)


def test_a_cohort_without_training_rows_is_refused(make_item):
    with pytest.raises(InputError, match="nothing to train on"):
        assign_splits(items(make_item, ("a", "test"), ("b", "val")), 0, 0.2)


DOMAINS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3),
    st.sets(st.sampled_from(["10x", "20x", "40x"]), min_size=1),
    min_size=1,
    max_size=30,
)


@given(DOMAINS, st.integers(0, 2**31), st.floats(0.05, 0.6))
def test_every_domain_trains_and_none_is_left_without_validation_where_its_groups_allow(
    domains, seed, fraction
):
    drawn = draw_validation(domains, seed, fraction)
    assert drawn == draw_validation(dict(reversed(domains.items())), seed, fraction)
    groups = {
        d: {g for g, own in domains.items() if d in own} for d in set().union(*domains.values())
    }
    held = {group for own in groups.values() if len(own) == 1 for group in own}
    if held == set(domains):
        assert drawn == split_groups(list(domains), seed, fraction)
        return
    assert not drawn & held
    for own in groups.values():
        assert own - drawn
        # A group that is free to be drawn and was not would have taken another domain's last.
        for group in own - drawn - held if not own & drawn else ():
            assert any(len(groups[d] - drawn) == 1 for d in domains[group])


@given(st.sets(st.text("abc", min_size=1), min_size=1, max_size=40), st.integers(0, 99))
def test_with_one_domain_it_is_drawn_as_without(groups, seed):
    one = dict.fromkeys(groups, frozenset({None}))
    assert draw_validation(one, seed, 0.2) == split_groups(sorted(groups), seed, 0.2)


def test_a_rare_domain_is_validated_too():
    domains = {f"common{n}": {"20x"} for n in range(50)} | {f"rare{n}": {"63x"} for n in range(2)}
    for seed in range(20):
        drawn = draw_validation(domains, seed, 0.2)
        assert len([g for g in drawn if g.startswith("rare")]) == 1
        assert len(drawn) == 11


def test_the_domains_of_the_items_decide_what_is_drawn(make_item):
    names = [(f"g{n}", "") for n in range(6)]
    chosen = items(make_item, *names)
    keys = ["10x"] * 4 + ["20x", "40x"]
    for seed in range(10):
        splits = assign_splits(chosen, seed, 0.3, keys)
        assert splits[4:] == ["train", "train"]
        assert splits[:4].count("val") == 1
