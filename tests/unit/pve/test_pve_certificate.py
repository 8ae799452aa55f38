"""The end of a certificate is read from its bytes, and nonsense is no certificate."""

import ssl
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.pve.certificate import ends_at
from support.certificates import make_certificates


@pytest.fixture(scope="module")
def der(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    made = make_certificates(tmp_path_factory.mktemp("certificates"), ("pve-01",), days=90)
    return ssl.PEM_cert_to_DER_cert(made.leaf.certificate.read_text())


def test_end_is_read(der: bytes) -> None:
    end = ends_at(der)
    assert end is not None
    assert abs(end - time.time() - 90 * 86400) < 600


def test_end_beyond_2049_is_read(tmp_path: Path) -> None:
    made = make_certificates(tmp_path, ("pve-01",), days=36_500)
    end = ends_at(ssl.PEM_cert_to_DER_cert(made.leaf.certificate.read_text()))
    assert end is not None
    assert abs(end - time.time() - 36_500 * 86400) < 600


def test_every_truncation_is_no_certificate_or_the_same_end(der: bytes) -> None:
    assert {ends_at(der[:length]) for length in range(len(der))} == {None}


@given(st.binary(max_size=200))
def test_nonsense_is_no_certificate(data: bytes) -> None:
    ends_at(data)
