"""What a start of the hub sets right in its file is set right as soon as that can be written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hune.alerting.holds.holder import Holder
from hune.alerting.hub.service import Hub
from hune.alerting.state import book, outbox
from hune.alerting.state.database import Database
from hune.alerting.state.schema import SCRIPTS
from hune.core.errors import Unavailable
from hune.core.layout import Layout
from hune.site.models import Site
from support.alerts import make_alert

SITE = Site.model_validate({"name": "home", "receivers": [{"name": "discord", "discord": {"webhook": "env:A"}}]})


async def test_file_that_could_not_be_opened_at_the_start_is_set_right_later(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    folder, elsewhere = layout.data("hub"), tmp_path / "elsewhere"
    former = Database(folder / "outbox.db", SCRIPTS, reserve_bytes=1 << 16)
    await former.open()

    def leave(connection: Any) -> None:
        episode = book.open_episode(connection, make_alert(), now=1000.0)
        book.address(connection, episode, ["discord", "gone"], now=1000.0)
        waiting = outbox.pending(connection, "discord", now=1001.0)
        outbox.lease(connection, "discord", waiting, now=1001.0)

    await former.write(leave)
    await former.close()
    folder.rename(elsewhere)
    folder.write_text("no folder")
    hub, begun = Hub(SITE, layout, environ={}), []

    async def review() -> None:
        begun.append("holder")

    hub._holder = cast("Holder", SimpleNamespace(review=review))
    await hub._database.open()
    try:
        with pytest.raises(Unavailable):
            await hub._maintain()
        folder.unlink()
        elsewhere.rename(folder)
        for _ in range(2):
            await hub._maintain()
        rows = await hub._database.read(lambda c: c.execute("SELECT receiver, sending FROM delivery").fetchall())
        assert [tuple(row) for row in rows] == [("discord", None)]
        assert begun == ["holder"]
    finally:
        await hub._database.close()
