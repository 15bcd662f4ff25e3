import threading
from concurrent.futures import ThreadPoolExecutor

from bm25.cli.corpus import block_bytes, in_order


def test_batches_are_smaller_where_there_are_more_of_them():
    assert [block_bytes(threads) >> 10 for threads in (1, 8, 16, 64, 10_000)] == [
        4096, 4096, 2048, 512, 64,
    ]  # fmt: skip


def test_results_come_in_the_order_of_the_tasks_and_few_wait():
    asked = []
    first = threading.Event()

    def tasks():
        for i in range(50):
            asked.append(i)
            # The first ends last: what comes after it has to wait.
            yield (lambda: first.wait(30) and 0) if i == 0 else (lambda i=i: i)

    with ThreadPoolExecutor(2) as pool:
        results = in_order(pool, tasks(), 2)
        threading.Timer(0.2, first.set).start()
        assert next(results) == 0
        assert len(asked) <= 6
        assert list(results) == list(range(1, 50))
