"""The rungs that learn from labels, one file each, behind one small interface.

A member is fitted on a `pool` (unlabelled texts) and `gold` rows (labelled texts) and gives a scorer: a function from
any `View` to float (texts, classes) log-scores, whose softmax is the member's opinion at its own confidence. The three
that are linear in the n-grams can also be handed out as a `LinearModel`.
"""

from minent.classifier.members.interface import Member, Scorer
from minent.classifier.members.logistic import LogisticOnDense, LogisticOnTfidf
from minent.classifier.members.naive_bayes import NaiveBayesEM
from minent.classifier.members.ridge import RidgeOnTfidf, solve_ridge

__all__ = ["LogisticOnDense", "LogisticOnTfidf", "Member", "NaiveBayesEM", "RidgeOnTfidf", "Scorer", "solve_ridge"]
