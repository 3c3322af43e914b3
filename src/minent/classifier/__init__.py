"""The ladder: from a handful of labels and much raw text to one small, calibrated linear classifier.

For whoever wants an answer per text, today, on the machine at hand. Simple floors and our own rungs stand in one table,
each with its spread; what earns its cost is fused, and a linear model of n-grams is shipped. `suggest` says which texts
to label next, `compress` makes a classifier smaller, `export` takes it to ONNX or Hugging Face transformers.

    >>> from minent.classifier import TextClassifier
    >>> texts = ["so good", "good fun", "very good", "so bad", "bad fun", "very bad"]
    >>> classifier = TextClassifier(budget_seconds=5).fit(texts, ["+", "+", "+", "-", "-", "-"])
    >>> classifier.predict(["good", "bad"]).tolist()
    ['+', '-']
"""

from minent.classifier.compress import compress
from minent.classifier.estimator import TextClassifier
from minent.classifier.exporting import export
from minent.classifier.suggest import Suggestion, suggest

__all__ = ["Suggestion", "TextClassifier", "compress", "export", "suggest"]
