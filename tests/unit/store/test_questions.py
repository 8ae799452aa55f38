"""Read requests say what the protobuf library reads in them, or are refused; never anything else."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from hune.promapi.remote import Matcher, read_request
from hune.store.wire import query
from hune.store.wire.unpack import Malformed
from support.remote_read import OPERATORS
from support.remote_write import ReadRequest, packed

MOMENTS = st.integers(0, (1 << 63) - 1)
MATCHERS = st.builds(Matcher, st.text(max_size=5), st.sampled_from(OPERATORS), st.text(max_size=5))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_question_as_the_library_reads_it_or_refused(body: bytes) -> None:
    try:
        found = query.decode(packed(body))
    except Malformed:
        found = None
    try:
        message = ReadRequest.FromString(body)
    except DecodeError:
        assert found is None
        return
    types = list(message.accepted_response_types)
    known = all(0 <= one.type < len(OPERATORS) for asked in message.queries for one in asked.matchers)
    if not known or (types and not {0, 1} & set(types)):
        assert found is None
        return
    assert found is not None
    assert found.streamed == ([one for one in types if one in (0, 1)][:1] == [1])
    assert [[(one.name, one.operator, one.value) for one in asked.matchers] for asked in found.queries] == [
        [(one.name, OPERATORS[one.type], one.value) for one in asked.matchers] for asked in message.queries
    ]


@given(st.lists(MATCHERS, max_size=4), MOMENTS, MOMENTS)
def test_what_our_client_asks_is_understood(matchers: list[Matcher], start: int, end: int) -> None:
    (asked,) = query.decode(read_request(matchers, start_ms=start, end_ms=end)).queries
    assert asked.matchers == tuple(matchers)
    assert asked.start_ms == max(start, 1 << 35)
    assert asked.end_ms == min(end, (1 << 42) - 1)
