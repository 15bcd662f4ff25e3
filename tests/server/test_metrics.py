import os
import subprocess
import sys

from bm25.server.metrics import Metrics


def test_counts():
    metrics = Metrics()
    for _ in range(3):
        metrics.request("/inference", 200, 0.003)
    metrics.embedded("bm25", 2, 40)
    metrics.embedded("bm25", 1, None)
    metrics.refused("queue")
    metrics.upstream("openai", "ok", 0.2)
    metrics.now(5, 2)
    found = metrics.render().decode().splitlines()
    for line in (
        'bm25_requests_total{route="/inference",status="200"} 3.0',
        'bm25_request_seconds_bucket{le="0.0025",route="/inference"} 0.0',
        'bm25_request_seconds_bucket{le="0.005",route="/inference"} 3.0',
        'bm25_inputs_total{model="bm25"} 3.0',
        'bm25_tokens_total{model="bm25"} 40.0',
        'bm25_requests_refused_total{reason="queue"} 1.0',
        'bm25_upstream_calls_total{outcome="ok",provider="openai"} 1.0',
        'bm25_upstream_seconds_count{provider="openai"} 1.0',
        "bm25_requests_open 5.0",
        "bm25_requests_waiting 2.0",
    ):
        assert line in found


def test_servers_of_one_process_count_apart():
    first, second = Metrics(), Metrics()
    first.refused("queue")
    assert b'reason="queue"' not in second.render()


WORKER = """
from bm25.server.metrics import Metrics
metrics = Metrics()
metrics.request("/inference", 200, 0.003)
metrics.now(1, 0)
print(metrics.render().decode())
"""


def test_workers_are_added_up(tmp_path):
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for number in (1, 2):
        result = subprocess.run(
            [sys.executable, "-c", WORKER], env=environment, capture_output=True, text=True, check=True
        )
        assert f'bm25_requests_total{{route="/inference",status="200"}} {number}.0' in result.stdout
