import pytest

from tests.cli.stores import caller


@pytest.fixture
def call(capfd):
    """What runs the command line in this process, and returns its exit code and output."""
    return caller(capfd)
