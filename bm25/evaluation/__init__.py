"""How good vectors are: collections with judgements, exact rankings, nDCG, recall, reciprocal rank."""

from bm25.evaluation.beir import BeirCollection
from bm25.evaluation.metrics import Quality, mean_quality
from bm25.evaluation.rankings import Rankings
from bm25.evaluation.run import FITTED, Evaluation, Variant, evaluate, standard_variants

__all__ = [
    "FITTED", "BeirCollection", "Evaluation", "Quality", "Rankings", "Variant", "evaluate", "mean_quality",
    "standard_variants",
]  # fmt: skip
