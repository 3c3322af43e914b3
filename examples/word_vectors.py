"""Word vectors from two thousand sentences: how many bits foretell a neighbour, and who is near whom.

python examples/word_vectors.py
"""

from minent import samples, tokenizer, vectors


def main() -> None:
    texts = samples.load("subjectivity").unlabeled[:2000]
    pieces = tokenizer.train(texts, tokenizer.TokenizerConfig(vocab_size=2000))
    learnt = vectors.train_words(texts, pieces)
    print(f"{learnt.vocab_size:,} words, {learnt.bits_per_pair:.2f} bits per pair (at least {learnt.entropy_bits:.2f})")
    assert learnt.bits_per_pair > learnt.entropy_bits
    for word in ("film", "she", "young"):
        print(word, *(f"{near} {cosine:.2f}" for near, cosine in learnt.nearest(word, 4)), sep="   ")
    assert {"he", "her"} <= {near for near, _ in learnt.nearest("she", 4)}
    print(f"a word that it never saw is composed: {learnt.vector('filmishness').shape}")


if __name__ == "__main__":
    main()
