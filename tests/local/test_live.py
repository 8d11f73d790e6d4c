"""Joining inputs with what a target has."""

from hypothesis import given

from headroom.local.kubernetes_standin.live import observe, overlay
from headroom.local.standin.values import Hidden, Object, redact, reveal
from tests.local.test_values import OBJECTS


@given(OBJECTS)
def test_what_was_written_is_observed_unchanged(inputs: Object) -> None:
    """Inputs that stand in a target as they are, in clear or as digests, show no drift."""
    assert observe(inputs, reveal(inputs)) == inputs
    assert observe(inputs, redact(inputs)) == inputs


def test_the_servers_own_fields_are_no_drift() -> None:
    """Defaults and other spellings of a quantity are not observed; a changed, a missing and a resized one are."""
    inputs: Object = {"cpu": "1000m", "memory": "16Gi", "gone": 1, "tags": ["a"], "name": "a"}
    live: Object = {"cpu": "1", "memory": "17179869184", "tags": ["a", "b"], "name": "b", "policy": "Always"}
    assert observe(inputs, live) == {"cpu": "1000m", "memory": "16Gi", "tags": ["a", "b"], "name": "b"}


def test_text_that_only_looks_alike_is_drift() -> None:
    """Quantities are compared as amounts only where both are quantities: a version is none."""
    assert observe({"a": "1.10.0"}, {"a": "1.1.0"}) == {"a": "1.1.0"}
    assert observe({"a": "100m"}, {"a": "100M"}) == {"a": "100M"}


def test_a_changed_secret_is_observed_as_secret() -> None:
    """What somebody else put in a secret's place is held secret too."""
    assert observe({"a": Hidden("mine")}, {"a": "theirs"}) == {"a": Hidden("theirs")}


def test_outputs_are_secret_where_inputs_are() -> None:
    """A live value at a secret's place is hidden; in lists the whole list, for servers may reorder them."""
    inputs: Object = {"spec": {"env": [{"name": "K", "value": Hidden("v")}], "plain": 1}, "stringData": Hidden({"a": "b"})}
    live: Object = {"spec": {"env": [{"name": "K", "value": "v"}], "plain": 1, "policy": "Always"}}
    assert overlay(live, inputs) == {
        "spec": {"env": Hidden([{"name": "K", "value": "v"}]), "plain": 1, "policy": "Always"},
        "stringData": Hidden({"a": "b"}),
    }
