"""Accounts of the Hub: names, passwords, and two processes at one file."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import Conflict, InvalidParameter, NotFound
from lab.registry.accounts import Accounts, check_account_name
from lab.registry.hub import open_accounts


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    with open_accounts(tmp_path / "hub") as accounts:
        yield accounts


def test_account_is_added_once_and_verified(accounts: Accounts) -> None:
    """Is a password right only for its own account, and a name taken only once?"""
    accounts.add("alice", "sesame")
    assert accounts.exists("alice") and not accounts.exists("bobby")
    assert accounts.verify("alice", "sesame")
    for name, password in (("alice", "Sesame"), ("alice", ""), ("bobby", "sesame"), ("", "")):
        assert not accounts.verify(name, password)
    with pytest.raises(Conflict, match="'alice' is already taken"):
        accounts.add("alice", "other")
    assert [account.name for account in accounts.list()] == ["alice"]


def test_password_can_be_changed(accounts: Accounts) -> None:
    """Does the new password count, and the old one no more?"""
    accounts.add("alice", "sesame")
    accounts.change_password("alice", "mustard")
    assert accounts.verify("alice", "mustard") and not accounts.verify("alice", "sesame")
    with pytest.raises(NotFound, match="no such account: bobby"):
        accounts.change_password("bobby", "x")


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_password_has_a_length(accounts: Accounts, password: str) -> None:
    """Are empty and endless passwords refused, and nothing stored?"""
    with pytest.raises(InvalidParameter, match="1 to 1024 characters"):
        accounts.add("alice", password)
    assert not accounts.exists("alice")


def test_passwords_are_hashed_with_little_memory(accounts: Accounts, tmp_path: Path) -> None:
    """Is the password itself nowhere in the file, and the hash argon2id with at most 19 MiB?"""
    accounts.add("alice", "sesame-opens")
    content = b"".join(path.read_bytes() for path in (tmp_path / "hub").iterdir())
    assert b"sesame-opens" not in content
    memory = re.search(rb"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$", content)
    assert memory is not None and int(memory[1]) <= 19 * 1024 and int(memory[2]) >= 2


@given(st.from_regex(r"[a-z0-9]{4,30}", fullmatch=True))
def test_good_names_are_accepted(name: str) -> None:
    """Are 4 to 30 lower-case letters and digits a name?"""
    assert check_account_name(name) == name


@given(st.text(max_size=40))
def test_names_are_safe_as_a_namespace(name: str) -> None:
    """Is whatever is accepted a valid first part of a repository's name?"""
    try:
        check_account_name(name)
    except InvalidParameter:
        return
    assert re.fullmatch("[a-z0-9]{4,30}", name)


@pytest.mark.parametrize(
    "name", ["", "bob", "Alice", "al ice", "al-ice", "al/ce", "ålice", "a" * 31, "alice\n"]
)
def test_bad_names_are_refused(accounts: Accounts, name: str) -> None:
    """Are names that Docker Hub would not take refused?"""
    with pytest.raises(InvalidParameter, match="4 to 30 characters"):
        accounts.add(name, "sesame")


@pytest.mark.parametrize("name", ["library", "localhost"])
def test_reserved_names_are_refused(name: str) -> None:
    """Can nobody become the owner of the official images, or of names of another registry?"""
    with pytest.raises(InvalidParameter, match="reserved"):
        check_account_name(name)


def test_another_process_adds_an_account(accounts: Accounts, tmp_path: Path) -> None:
    """Does a running Hub see at once what `lab hub add-user` did to its file?"""
    program = (
        "import sys; from pathlib import Path; from lab.registry.hub import open_accounts\n"
        "with open_accounts(Path(sys.argv[1])) as accounts:\n"
        "    accounts.add('bobby', 'swordfish')"
    )
    assert not accounts.exists("bobby")
    subprocess.run([sys.executable, "-c", program, tmp_path / "hub"], check=True, timeout=30)
    assert accounts.verify("bobby", "swordfish")


def test_one_name_added_by_many_threads(accounts: Accounts) -> None:
    """Does exactly one of several who want a name at the same time get it?"""
    won: list[int] = []

    def add(number: int) -> None:
        try:
            accounts.add("alice", f"password {number}")
            won.append(number)
        except Conflict:
            pass

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and accounts.verify("alice", f"password {won[0]}")
