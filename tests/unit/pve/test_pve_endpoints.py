"""Which endpoint is asked: what works is kept to, what fails is left alone."""

from typing import Any

from hune.pve.access import Endpoint
from hune.pve.endpoints import Door, Endpoints
from support.stepped_clock import SteppedClock


def cluster(*nodes: str) -> tuple[Endpoints, list[Door], SteppedClock]:
    clock = SteppedClock()
    endpoints = Endpoints(
        "lab", [Endpoint(f"10.0.0.{number}", 8006, node) for number, node in enumerate(nodes, 1)], clock
    )
    return endpoints, list(endpoints.doors), clock


def node_row(name: str, ip: str, *, local: int = 0) -> dict[str, Any]:
    return {"type": "node", "name": name, "ip": ip, "local": local}


def test_first_is_kept_to_until_it_fails_and_the_next_until_that_fails() -> None:
    endpoints, (a, b, c), _ = cluster("a", "b", "c")
    assert endpoints.choose("") is a
    endpoints.failed(a, "refused")
    assert endpoints.choose("") is b
    endpoints.worked(a)
    assert endpoints.choose("") is b
    endpoints.failed(b, "refused")
    assert endpoints.choose("") is a
    assert endpoints.choose("", [a]) is c
    assert endpoints.choose("", [a, c]) is None


def test_node_is_asked_for_itself_while_it_works() -> None:
    endpoints, (a, b), _ = cluster("a", "b")
    assert endpoints.choose("b") is b
    endpoints.failed(b, "refused")
    assert endpoints.choose("b") is a
    assert endpoints.choose("b", only=True) is None
    assert endpoints.choose("elsewhere") is a


def test_what_falters_comes_back_by_itself() -> None:
    endpoints, (a, b), clock = cluster("a", "b")
    endpoints.faltered(a, "answers 595")
    assert endpoints.choose("") is b
    clock.step(1.0)
    assert endpoints.choose("a") is a
    assert not a.is_dead
    for _ in range(20):
        endpoints.faltered(a, "answers 595")
    clock.step(10.0)
    assert endpoints.choose("a") is b
    clock.step(30.0)
    assert endpoints.choose("a") is a


def test_same_endpoint_given_twice_is_one_door() -> None:
    assert len(Endpoints("lab", [Endpoint("10.0.0.1"), Endpoint("10.0.0.1")], SteppedClock()).doors) == 1


def test_names_and_addresses_are_learned() -> None:
    endpoints, (a, b), _ = cluster("", "")
    rows = [
        {"type": "cluster", "name": "homelab"},
        node_row("pve-01", "192.168.1.1", local=1),
        node_row("pve-02", "10.0.0.2"),
        node_row("pve-03", "192.168.1.3"),
    ]
    (new,) = endpoints.learn(a, rows)
    assert (a.endpoint, b.endpoint) == (Endpoint("10.0.0.1", 8006, "pve-01"), Endpoint("10.0.0.2", 8006, "pve-02"))
    assert (new.endpoint, new.learned) == (Endpoint("192.168.1.3", 8006, "pve-03"), True)
    # Nobody asks it before a trial said that it works.
    assert endpoints.choose("pve-03") is a
    endpoints.worked(new)
    assert endpoints.choose("pve-03") is new
    assert endpoints.learn(a, rows) == []


def test_name_that_the_site_gave_wrong_is_put_right() -> None:
    endpoints, (a,), _ = cluster("attic")
    endpoints.learn(a, [node_row("pve-01", "10.0.0.1", local=1)])
    assert endpoints.of_node("pve-01") is a
    assert endpoints.of_node("attic") is None


def test_nothing_is_learned_from_nonsense() -> None:
    endpoints, (a,), _ = cluster("a")
    nonsense: list[Any] = [None, {}, "x", 5, [1, None, {}], [{"type": "node"}], [{"type": "node", "name": 5}]]
    for rows in nonsense:
        assert endpoints.learn(a, rows) == []
    assert len(endpoints.doors) == 1


def test_learned_node_that_moved_is_looked_for_where_it_is() -> None:
    endpoints, (a,), _ = cluster("a")
    (learned,) = endpoints.learn(a, [node_row("b", "10.0.0.7")])
    endpoints.learn(a, [node_row("b", "10.0.0.8")])
    assert learned.endpoint.host == "10.0.0.8"
    endpoints.worked(learned)
    endpoints.learn(a, [node_row("b", "10.0.0.9")])
    assert learned.endpoint.host == "10.0.0.8"


def test_as_many_are_learned_as_a_cluster_can_have() -> None:
    endpoints, (a,), _ = cluster("a")
    for round_ in range(3):
        endpoints.learn(a, [node_row(f"n{round_}-{number}", f"10.{round_}.1.{number}") for number in range(50)])
    assert len(endpoints.doors) == 65
