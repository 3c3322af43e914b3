"""Pretrain a small encoder on raw text for a few steps, and teach it a task by moving a few prompt vectors.

python examples/encoder_and_prompts.py        a show of seconds; minutes of pretraining make it useful
"""

from minent import encoders, prompts, samples, tokenizer


def main() -> None:
    sample = samples.load("subjectivity")
    pieces = tokenizer.train(sample.unlabeled[:2000], tokenizer.TokenizerConfig(vocab_size=1000))
    ids, starts = pieces.encode_arrays(sample.unlabeled[:2000])
    shape = encoders.EncoderConfig(mixer="gmlp", vocab_size=pieces.vocab_size, dim=32, layers=2, max_length=64)
    trained = encoders.pretrain(ids, starts, shape, encoders.PretrainConfig(steps=30, batch_size=8))
    held_out = trained.facts["held_out"]
    print(f"hidden pieces: {held_out['loss']:.3f} {held_out['unit']} ({held_out['unigram']:.3f} by frequency alone)")
    assert held_out["loss"] < held_out["unigram"]

    tuner = prompts.PromptTuner(prompts.Backbone(trained, pieces), steps=20)
    tuner.fit(sample.train_texts, sample.train_labels)
    right = tuner.predict(sample.test_texts[:200]) == sample.test_labels[:200]
    print(f"after 20 steps on 32 labels: {right.mean():.0%} of 200 test texts (chance is 50%)")


if __name__ == "__main__":
    main()
