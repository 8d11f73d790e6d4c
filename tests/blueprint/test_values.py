"""Values that are known only when they are deployed."""

from headroom.blueprint import Blueprint, Joined, Ref, Rendered, Secret, encode, leaves
from policies.adapters.program import blueprint_stack
from policies.stack import UNKNOWN

TEXT = Joined(("id=", Ref("tunnel", "id"), " secret=", Secret("tunnelSecret")))
STACK = Blueprint(
    (
        Rendered("cloudflare:index/x:X", "tunnel", {"secret": Secret("tunnelSecret")}),
        Rendered("kubernetes:core/v1:Secret", "credentials", {"stringData": {"file": TEXT}, "list": [Ref("tunnel", "name"), 1]}),
    )
)


def test_a_joined_text_is_written_part_by_part() -> None:
    """As JSON it names what it refers to, and never holds a secret."""
    assert encode(TEXT) == {"$joined": ["id=", {"$ref": "tunnel.id"}, " secret=", {"$secret": "tunnelSecret"}]}
    assert list(leaves({"a": [TEXT], "b": 1})) == [*TEXT.parts, 1]


def test_a_stack_knows_its_references_and_secrets() -> None:
    """Also those within joined texts and lists."""
    assert STACK.references == {Ref("tunnel", "id"), Ref("tunnel", "name")}
    assert STACK.secrets() == ("tunnelSecret",)


def test_the_gate_takes_a_joined_text_for_unknown() -> None:
    """Nothing is judged by a text of which a part is not known."""
    _, credentials = blueprint_stack(STACK).resources
    assert credentials.props == {"stringData": {"file": UNKNOWN}, "list": [UNKNOWN, 1]}
