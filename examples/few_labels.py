"""From 32 labels to a classifier, and then: which ten texts should be labelled next?

python examples/few_labels.py
"""

import minent
from minent.classifier import suggest


def main() -> None:
    sample = minent.samples.load("subjectivity")
    pool = sample.unlabeled[:1000]  # all 8,000 and budget_seconds=300 make it better
    classifier = minent.TextClassifier(budget_seconds=60, seed=0)
    classifier.fit(sample.train_texts, sample.train_labels, unlabeled=pool)

    for rung in classifier.ladder_:
        found = "-" if rung["cv_accuracy"] is None else f"{rung['cv_accuracy']:.0%}"
        print(f"{rung['title']:50} {found:>5} {'shipped' if rung['shipped'] else ''}")
    accuracy = classifier.score(sample.test_texts, sample.test_labels)
    print(f"\non texts it never saw: {accuracy:.1%}\n")
    assert accuracy > 0.75

    for unsure in suggest(classifier, pool, n=10, labelled=sample.train_texts):
        print(f"{unsure.probability:.0%} {unsure.label:11} {unsure.text[:80]}")


if __name__ == "__main__":
    main()
