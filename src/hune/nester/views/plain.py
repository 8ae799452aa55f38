"""A page without live regions of its own."""

from __future__ import annotations

from hune.nester.judge import overall
from hune.nester.views.frame import critical, frame
from hune.nester.views.look import Look, Scene, title


async def plain(scene: Scene) -> Look:
    """Return the frame alone."""
    return Look(title(scene, scene.snapshot.site), overall(scene.snapshot), frame(scene), critical(scene))
