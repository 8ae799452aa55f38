"""What these tests feed the client as answers is what Proxmox' own schema says it answers."""

import pytest

from support.hostile_pve import HostilePve
from support.pve_schema import problems


async def test_answers_of_the_nodes_fit_the_schema(nodes: list[HostilePve]) -> None:
    for node in nodes:
        for path, data in node.answers.items():
            assert problems(path, data) == [], path


@pytest.mark.parametrize(
    ("path", "data", "told"),
    [
        ("/version", {"version": "9"}, ["data.release: missing", "data.repoid: missing"]),
        ("/nodes/pve-01/qemu", {}, ["data: {} is no array"]),
        (
            "/cluster/status",
            [{"id": "x", "name": "y", "type": "z"}],
            ["data[0].type: 'z' is none of ['cluster', 'node']"],
        ),
    ],
)
def test_schema_tells_what_does_not_fit(path: str, data: object, told: list[str]) -> None:
    assert problems(path, data) == told
