import pytest

from bm25.errors import Bm25ConfigError
from bm25.server.reload import check_reload, restart_needed
from bm25.server.settings import Limits, Logging, ServerOptions, ServerSettings

OPEN = ServerSettings(server=ServerOptions(host="0.0.0.0", api_key="key"))
LOCAL = ServerSettings()


def test_a_key_cannot_be_taken_away_while_others_can_reach_the_server():
    # Alone these settings are right: they would listen on loopback. But the server still listens elsewhere.
    with pytest.raises(Bm25ConfigError, match=r"^the server listens on '0\.0\.0\.0', which can be reached"):
        check_reload(OPEN, LOCAL)
    check_reload(OPEN, ServerSettings(server=ServerOptions(api_key="other")))
    check_reload(OPEN, ServerSettings(server=ServerOptions(allow_unauthenticated=True)))
    check_reload(LOCAL, LOCAL)


def test_what_takes_a_restart(caplog):
    changed = ServerSettings(
        server=ServerOptions(
            host="::1", port=1, workers=2, plugins=["x"], tls_certificate="c", tls_key="k", shutdown_timeout=1
        ),
        logging=Logging(format="text", level="error", requests=False),
        limits=Limits(max_inputs=1),
    )
    names = ["server.host", "server.port", "server.workers", "server.plugins", "logging.format"]
    names += ["logging.level", "server.tls_certificate", "server.tls_key"]
    assert restart_needed(LOCAL, changed) == names
    assert [record.getMessage() for record in caplog.records] == [
        f"restart the server for the new {', '.join(names)}"
    ]


def test_what_takes_none(caplog):
    assert (
        restart_needed(LOCAL, ServerSettings(limits=Limits(queue=1), logging=Logging(requests=False))) == []
    )
    assert not caplog.records
