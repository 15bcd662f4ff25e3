import asyncio

import numpy as np
import pytest

from bm25.inference import providers
from bm25.inference.models import Call
from bm25.inference.providers import retry
from bm25.inference.request import Input
from bm25.inference.settings import CompatibleModel, ProviderSettings
from tests.inference.providers import doubles

KEY = "sk-live-0123456789abcdefghij"
OTHER_KEY = "sk-live-zyxwvutsrqponmlkjihg"


def expected(*texts, size=doubles.DIMENSIONS):
    """What a model gives for texts, embedded by a double."""
    return [[float(np.float32(number)) for number in doubles.vector(text, size)] for text in texts]


class Subject:
    """A provider and its double."""

    def __init__(self, double):
        self.double = double
        self.header = double.header

    @property
    def one_model(self):
        return isinstance(self.double, doubles.Compatible)

    def model(self, **settings):
        """The model under test."""
        address = settings.pop("base_url", self.double.address)
        if self.one_model:
            return providers.compatible(
                self.double.prefix,
                CompatibleModel(base_url=f"{address}/v1", model="m", key_header=self.header, **settings),
            )
        return providers.build(self.double.provider, ProviderSettings(base_url=address, **settings))

    def input(self, data, position=0, data_type="text", **options):
        name = self.double.prefix if self.one_model else f"{self.double.prefix}m"
        return Input(data=data, model=name, data_type=data_type, options=options or None, position=position)

    def inputs(self, *texts, **options):
        return [self.input(text, i, **options) for i, text in enumerate(texts)]

    def call(self, **fields):
        keys = {self.header: KEY} if self.header else {}
        return Call(**{"keys": keys, **fields})

    def embed(self, inputs, model=None, **fields):
        """What the model answers, as lists, and the tokens; in an event loop of its own."""
        model = model or self.model()
        found = asyncio.run(model.embed(inputs, self.call(**fields)))
        return [[float(number) for number in one] for one in found.embeddings], found.tokens

    def texts(self, number=-1):
        """The inputs of a call that the double received."""
        body = self.double.calls[number].body
        return body.get("texts") or body.get("images") or body.get("input")


@pytest.fixture(params=doubles.DOUBLES, ids=lambda double: double.__name__)
def subject(request):
    """Each provider, with its double."""
    double = request.param()
    yield Subject(double)
    double.close()


@pytest.fixture(
    params=[double for double in doubles.DOUBLES if double.header], ids=lambda double: double.__name__
)
def keyed(request):
    """Each provider that takes a key."""
    double = request.param()
    yield Subject(double)
    double.close()


def only(double):
    """A fixture with one provider."""

    @pytest.fixture
    def one():
        running = double()
        yield Subject(running)
        running.close()

    return one


openai = only(doubles.OpenAI)
cohere = only(doubles.Cohere)
jina = only(doubles.JinaAI)
openrouter = only(doubles.OpenRouter)
local = only(doubles.Compatible)
local_with_key = only(doubles.CompatibleWithKey)


@pytest.fixture(autouse=True)
def short_delays(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.01)


@pytest.fixture
def outcomes():
    """(provider, outcome) of each attempt."""
    seen = []
    providers.observe(lambda provider, outcome, seconds: seen.append((provider, outcome)))
    yield seen
    providers.observe(None)
