"""What the account refuses of single objects, and how it keeps them."""

from pathlib import Path
from typing import Any

import pytest

from headroom.local.cloudflare_standin.account import Account
from headroom.local.cloudflare_standin.durable_objects import Ledger
from headroom.local.cloudflare_standin.guard import permitted
from headroom.local.standin.errors import StoreError
from headroom.local.standin.guard import Refusal
from headroom.local.standin.values import Hidden, Object

URN = "urn:pulumi:test::sample::cloudflare:index/x:X::"
SESSION: Object = {
    "accountId": "a",
    "scriptName": "session",
    "migrations": {"newTag": "v1", "newSqliteClasses": ["Session"]},
}
ROUTER: Object = {
    "accountId": "a",
    "scriptName": "router",
    "bindings": [
        {"type": "durable_object_namespace", "name": "S", "className": "Session", "scriptName": "session"},
        {"type": "service", "name": "SELF", "service": "router"},
    ],
}


@pytest.fixture
def account(tmp_path: Path) -> Account:
    """An empty account."""
    return Account(tmp_path / "accounts" / "test")


def test_ids_are_derived(account: Account, tmp_path: Path) -> None:
    """The same resource has the same id in another account folder; another resource, or another account, has another."""
    other = Account(tmp_path / "other")
    queue: Object = {"accountId": "a", "queueName": "one"}
    first, outputs = account.create(URN + "one", "queue", queue)
    assert outputs["queueId"] == first
    assert other.create(URN + "one", "queue", queue)[0] == first
    made = [
        other.create(URN + "two", "queue", queue | {"queueName": "two"})[0],
        other.create(URN + "one", "queue", queue | {"accountId": "b"})[0],
    ]
    assert len({first, *made}) == 3


def test_an_object_is_made_once(account: Account) -> None:
    """Two resources with one script, or with one title, are refused, naming the first; in another account they are not."""
    account.create(URN + "one", "workersScript", SESSION)
    with pytest.raises(StoreError, match=r"workersScript session already exists in the account, made by .*::one"):
        account.create(URN + "two", "workersScript", SESSION)
    title: Object = {"accountId": "a", "title": "plans"}
    account.create(URN + "three", "workersKvNamespace", title)
    with pytest.raises(StoreError, match=r"title 'plans' is taken by .*::three"):
        account.create(URN + "four", "workersKvNamespace", title)
    account.create(URN + "four", "workersKvNamespace", title | {"accountId": "b"})


def test_what_is_named_is_there_first_and_longest(account: Account) -> None:
    """A script that binds another is refused before that is there, and keeps it from being deleted; itself it may name."""
    with pytest.raises(StoreError, match=r"bindings\[0\]\.scriptName: the account has no workersScript 'session'"):
        account.create(URN + "router", "workersScript", ROUTER)
    account.create(URN + "session", "workersScript", SESSION)
    account.create(URN + "router", "workersScript", ROUTER)
    with pytest.raises(StoreError, match=r"cannot be deleted: bindings\[0\]\.scriptName of .*::router names it"):
        account.delete("workersScript", "session", SESSION)
    account.delete("workersScript", "router", ROUTER)
    account.delete("workersScript", "session", SESSION)
    assert not account.folder.exists()


def test_a_zones_route_finds_the_accounts_script(account: Account) -> None:
    """What lies in a zone may name what lies in an account."""
    route: Object = {"zoneId": "z", "pattern": "example.com/*", "script": "session"}
    with pytest.raises(StoreError, match="script: the account has no workersScript 'session'"):
        account.create(URN + "route", "workersRoute", route)
    account.create(URN + "session", "workersScript", SESSION)
    made, _ = account.create(URN + "route", "workersRoute", route)
    account.delete("workersRoute", made, route)


def test_a_transferred_class_leaves_its_script(account: Account) -> None:
    """The ledger of the script that gave the class is written too."""
    account.create(URN + "session", "workersScript", SESSION)
    moved = {"fromScript": "session", "from": "Session", "to": "Call"}
    call: dict[str, Any] = {"accountId": "a", "scriptName": "call", "migrations": {"newTag": "v1", "transferredClasses": [moved]}}
    account.create(URN + "call", "workersScript", call)
    stored = account.read("workersScript", "session", SESSION)
    assert stored is not None
    assert stored.durable_objects == Ledger("v1", {})


def test_an_update_of_what_is_gone_is_refused(account: Account) -> None:
    """An object that somebody removed is not made anew in silence; deleting it again is no error."""
    with pytest.raises(StoreError, match="queue 1 is not in the account any more: run a refresh"):
        account.update(URN + "q", "queue", "1", {"accountId": "a", "queueName": "q"})
    account.delete("queue", "1", {"accountId": "a"})


def test_long_odd_and_secret_names_are_kept_apart(account: Account) -> None:
    """Keys of 512 bytes that differ at the end, keys with slashes and a secret account: files of their own, in the folder."""
    namespace, _ = account.create(URN + "n", "workersKvNamespace", {"accountId": Hidden("hunter22"), "title": "n"})
    for key in ("k" * 511 + "1", "k" * 511 + "2", "../../x", "é/ü"):
        value: Object = {"accountId": Hidden("hunter22"), "namespaceId": namespace, "keyName": key, "value": Hidden("opensesame")}
        made, _ = account.create(URN + key, "workersKv", value)
        assert made == key
        stored = account.read("workersKv", key, value)
        assert stored is not None
        assert stored.urn == URN + key
    files = [file for file in account.folder.rglob("*") if file.is_file()]
    assert len(files) == 5
    for file in files:
        assert "hunter22" not in str(file) + file.read_text()
        assert "opensesame" not in file.read_text()


def test_no_account_leads_out_of_the_folder(account: Account) -> None:
    """An account's id that is a way up is refused."""
    for owner in ("..", "."):
        with pytest.raises(StoreError, match="leads out of"):
            account.create(URN + "q", "queue", {"accountId": owner, "queueName": "q"})


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"urn": "u"}'])
def test_a_broken_file_is_named(account: Account, content: str) -> None:
    """A file that holds no object is an error that names it."""
    queue: Object = {"accountId": "a", "queueName": "q"}
    made, _ = account.create(URN + "q", "queue", queue)
    file = account.folder / "a" / "queue" / f"{made}.json"
    file.write_text(content)
    with pytest.raises(StoreError, match=rf"{made}\.json holds no object"):
        account.read("queue", made, queue)


def test_the_account_lies_under_the_home(tmp_path: Path) -> None:
    """A local environment is permitted its home's folder; one without a target, with another state, or a way out is not."""
    home = tmp_path / "home"
    home.mkdir()
    local = {
        "PULUMI_HOME": str(home / "pulumi"),
        "PULUMI_BACKEND_URL": f"file://{home}/state",
        "HEADROOM_TARGET": f"directory:{home}/out/x",
    }
    assert permitted(local) == home / "cloudflare"
    for changes in ({"PULUMI_BACKEND_URL": "s3://bucket"}, {"PULUMI_HOME": ""}):
        refusal = permitted(local | changes)
        assert isinstance(refusal, Refusal)
        assert "install Pulumi with its cloudflare plugin" in str(refusal)
    (home / "cloudflare").symlink_to("/")
    assert "leads out of" in str(permitted(local))
