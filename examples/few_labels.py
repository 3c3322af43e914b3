"""From 32 labels to a classifier, and then: which ten texts should be labelled next?

python examples/few_labels.py
"""

import minent
from minent.classifier import suggest


def main() -> None:
    sample = minent.samples.load("subjectivity")
    pool = sample.unlabeled[:2000]  # all 8,000 and budget_seconds=300 make it better
    classifier = minent.TextClassifier(budget_seconds=60, seed=0)
    classifier.fit(sample.train_texts, sample.train_labels, unlabeled=pool)

    for rung in classifier.ladder_:
        accuracy = "-" if rung["cv_accuracy"] is None else f"{rung['cv_accuracy']:.0%}"
        print(f"{rung['title']:50} {accuracy:>5} {'shipped' if rung['shipped'] else ''}")
    print(f"\non texts it never saw: {classifier.score(sample.test_texts, sample.test_labels):.1%}\n")

    for found in suggest(classifier, pool, n=10, labelled=sample.train_texts):
        print(f"{found.probability:.0%} {found.label:11} {found.text[:80]}")


if __name__ == "__main__":
    main()
