"""The site that most tests of rules are about."""

import pytest

from hune.site.models import Site
from support.promtool import make_site


@pytest.fixture
def site() -> Site:
    return make_site()
