import asyncio

import pytest

from bm25.errors import Bm25ConfigError
from bm25.inference.settings import Bm25Model
from bm25.server.settings import ServerOptions, ServerSettings
from bm25.server.state import State
from tests.inference.test_engine import Dense


def with_k(k, **server):
    return ServerSettings(models={"mine": Bm25Model(options={"k": k})}, server=ServerOptions(**server))


def k_of(engine):
    return engine.model("mine").encoder().config.k


def test_a_reload_puts_other_settings_in_force():
    async def run():
        state = State(with_k(1.0))
        first = state.engine
        await state.reload(with_k(2.0, api_key="key"))
        assert k_of(state.engine) == 2.0
        assert state.engine.model("bm25") is first.model("bm25")
        assert state.keys.accepts(b"key")
        assert not state.keys.accepts(None)
        assert state.settings == with_k(2.0, api_key="key")
        await state.close()

    asyncio.run(run())


def test_a_reload_that_fails_changes_nothing():
    async def run():
        state = State(with_k(1.0))
        before = state.engine, state.keys, state.settings
        with pytest.raises(Bm25ConfigError, match="k must be"):
            await state.reload(with_k(-1.0, api_key="key"))
        assert (state.engine, state.keys, state.settings) == before
        await state.close()

    asyncio.run(run())


def test_an_engine_in_use_is_closed_when_its_last_user_has_gone():
    async def run():
        state = State(with_k(1.0))
        model = Dense()
        state.engine._models["dense"] = model
        with state.engine_in_use() as one, state.engine_in_use() as other:
            assert one is other
            await state.reload(with_k(2.0))
            await asyncio.sleep(0.01)
            assert model.closed == 0
            with state.engine_in_use() as new:
                assert new is not one
        await asyncio.sleep(0.01)
        assert model.closed == 1
        await state.close()

    asyncio.run(run())


def test_a_model_that_a_request_is_at_work_with_outlives_two_reloads():
    """The first of them keeps the model, the second drops it."""

    async def run():
        state = State(with_k(1.0))
        model = Dense()
        state.engine._models["dense"] = model
        state.engine._settings["dense"] = Bm25Model()
        with state.engine_in_use():
            settings = ServerSettings(models={"dense": Bm25Model()})
            await state.reload(settings)
            assert state.engine.model("dense") is model
            await state.reload(ServerSettings())
            await asyncio.sleep(0.01)
            assert model.closed == 0
        await asyncio.sleep(0.01)
        assert model.closed == 1
        await state.close()

    asyncio.run(run())


def test_an_engine_that_nobody_uses_is_closed_at_once():
    async def run():
        state = State(with_k(1.0))
        model = Dense()
        state.engine._models["dense"] = model
        await state.reload(with_k(2.0))
        await asyncio.sleep(0.01)
        assert model.closed == 1
        await state.close()

    asyncio.run(run())


def test_several_reloads_while_one_request_goes_on():
    async def run():
        state = State(with_k(1.0))
        with state.engine_in_use() as engine:
            for k in (2.0, 3.0, 4.0):
                await state.reload(with_k(k))
            assert k_of(engine) == 1.0
            answer = engine.infer({"inputs": [{"data": "dog " * 5000, "model": "bm25"}]})
            assert len(answer["embeddings"]) == 1
        await state.close()

    asyncio.run(run())
