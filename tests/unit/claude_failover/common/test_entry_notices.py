# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices of an entry: what is told, and that a folder in which everybody may make entries costs nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os

from switch_world import turns, wait_until

from claude_failover.common import entry_notices, inotify


@contextlib.contextmanager
def noticed(path, **options):
    """Notices of an entry that are ended afterwards, and the list of what they told."""
    told = []
    notices = entry_notices.EntryNotices(lambda: str(path), lambda: told.append(1), **options)
    try:
        yield notices, told
    finally:
        notices.close()


def test_the_folder_of_the_link_is_watched_anew_when_it_is_another(tmp_path):
    folder = tmp_path / "user"
    folder.mkdir()

    async def scenario():
        with noticed(folder / "link") as (notices, told):
            assert notices.watch()
            folder.rename(tmp_path / "former")
            assert not notices.watch(), "there is no folder: somebody has to look"
            folder.mkdir()
            assert notices.watch()
            await turns(20)
            told.clear()  # of the end of the former watch
            (tmp_path / "former" / "link").touch()
            (folder / "other").touch()
            await turns(20)
            assert told == []
            (folder / "link").symlink_to("x")
            await wait_until(lambda: told)

    asyncio.run(scenario())


def test_a_removed_entry_is_told(tmp_path):
    assert inotify.DELETE & entry_notices._CHANGES
    (tmp_path / "link").touch()

    async def scenario():
        with noticed(tmp_path / "link") as (notices, told):
            assert notices.watch()
            (tmp_path / "link").unlink()
            await wait_until(lambda: told)

    asyncio.run(scenario())


def test_a_folder_in_which_everybody_may_make_entries_is_looked_at_instead(tmp_path):
    """Else everybody could wake the daemon, without end."""
    tmp_path.chmod(0o1777)

    async def scenario():
        with noticed(tmp_path / "link") as (notices, _told):
            assert not notices.watch()
            tmp_path.chmod(0o700)
            assert notices.watch()

    asyncio.run(scenario())


def test_an_instance_that_cannot_be_waited_on_is_no_notice(tmp_path, monkeypatch):
    async def scenario():
        loop = asyncio.get_running_loop()

        def refuse(*_arguments):
            raise OSError(28, "no space for another descriptor")

        notices = entry_notices.EntryNotices(lambda: str(tmp_path / "link"), lambda: None)
        descriptors = len(os.listdir("/proc/self/fd"))
        with monkeypatch.context() as patch:
            patch.setattr(loop, "add_reader", refuse)
            assert [notices.watch(), notices.watch()] == [False, False]
        assert len(os.listdir("/proc/self/fd")) == descriptors
        assert notices.watch()
        notices.close()

    asyncio.run(scenario())


def test_a_folder_that_is_opened_to_everybody_is_not_watched_any_more(tmp_path):
    entry = tmp_path / "link"

    async def scenario():
        with noticed(entry) as (notices, told):
            assert notices.watch()
            tmp_path.chmod(0o1777)
            assert not notices.watch()
            await turns(20)
            told.clear()  # of the end of the watch
            entry.touch()
            await turns(20)
            assert told == []
            tmp_path.chmod(0o700)
            assert notices.watch()
            entry.unlink()
            await wait_until(lambda: told)

    asyncio.run(scenario())


def test_a_folder_of_everybody_is_watched_where_that_is_wanted(tmp_path):
    tmp_path.chmod(0o1777)

    async def scenario():
        with noticed(tmp_path / "link", shared_too=True) as (notices, told):
            assert notices.watch()
            (tmp_path / "link").touch()
            await wait_until(lambda: told)

    asyncio.run(scenario())
