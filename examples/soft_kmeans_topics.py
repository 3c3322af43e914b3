"""What a pile of texts is about, without a label: soft clusters of tf-idf rows, which stay sparse.

python examples/soft_kmeans_topics.py
"""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from minent.capsules import SoftKMeans

TEXTS = [
    "the goalkeeper saved a penalty in the last minute of the match",
    "a late goal won the match for the away team",
    "the striker scored twice before half time",
    "the team sacked its coach after the match",
    "bake the dough until the crust is golden",
    "whisk the eggs, then fold in the flour and the butter",
    "simmer the sauce, add salt and butter to taste",
    "knead the dough with flour and a little salt",
    "the telescope saw a planet around a distant star",
    "the probe sent pictures of the planet and its moons",
    "the orbit of the star is bent by a black hole",
    "a rocket will carry the telescope into orbit",
    "the coach likes to bake bread with flour and salt after the match",
]


def main() -> None:
    words = TfidfVectorizer(stop_words="english", sublinear_tf=True)
    rows = words.fit_transform(TEXTS)
    model = SoftKMeans(3, metric="cosine", sharpness=0.5, n_init=20).fit(rows)
    names = np.array(words.get_feature_names_out())
    shares = model.predict_proba(rows)
    assert [len(set(model.labels_[topic : topic + 4])) for topic in (0, 4, 8)] == [1, 1, 1]
    assert len(set(model.labels_)) == 3
    for cluster, centre in enumerate(model.cluster_centers_):
        print(f"\ncluster {cluster}: {', '.join(names[np.argsort(-centre)[:4]])}")
        for place in np.flatnonzero(model.labels_ == cluster):
            print(f"  {shares[place, cluster]:.2f}  {TEXTS[place]}")


if __name__ == "__main__":
    main()
