# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system calls of the shared links by account."""

from __future__ import annotations

import collections

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks
from os_calls import counted

FEW, MANY = 10, 110
#: System calls of one more account with its three links, in a folder as deep as this one: where all is found, where all
#: is made, and where that is predicted.
FOUND, FIRST, PREDICTED = 10, 23, 44


def calls(folder: str, count: int, check_mode: bool = False) -> collections.Counter[str]:
    """Return the calls of one look after ``count`` accounts, whose homes are all there."""
    homes = [f"{folder}/accounts/{number}" for number in range(count)]
    with counted() as found:
        shared_symlinks.validate_all(homes, shared_symlinks.required_shared(f"{folder}/shared"), check_mode=check_mode)
    return found


def of_one_more(few: collections.Counter[str], many: collections.Counter[str]) -> float:
    return (sum(many.values()) - sum(few.values())) / (MANY - FEW)


@pytest.mark.parametrize(("check_mode", "most"), [(False, FIRST), (True, PREDICTED)])
def test_a_first_run_takes_no_more_calls_an_account(short_folder: str, check_mode: bool, most: int) -> None:
    few, many = (calls(f"{short_folder}/{count}", count, check_mode) for count in (FEW, MANY))
    assert of_one_more(few, many) <= most, many - few


@pytest.mark.parametrize("check_mode", [False, True])
def test_an_account_with_nothing_to_do_takes_no_more_calls(short_folder: str, check_mode: bool) -> None:
    for count in (FEW, MANY):
        calls(f"{short_folder}/{count}", count)
    few, many = (calls(f"{short_folder}/{count}", count, check_mode) for count in (FEW, MANY))
    assert few["mkdir"] + many["mkdir"] + many["symlink"] == 0, "there is nothing to do"
    assert of_one_more(few, many) <= FOUND, many - few
