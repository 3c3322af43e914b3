"""`minent demo`: the main job on the sample that comes with minent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minent.cli import classifier, options, tables


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write.")] = Path("demo"),
    split: Annotated[int, typer.Option(metavar="0..4", help="Which 32 labels to learn from.")] = 0,
    budget_seconds: classifier.Budget = 240,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
) -> None:
    """Run the main job on the sample that comes with minent."""
    from minent import samples

    options.check_output(output, overwrite)
    sample = samples.load("subjectivity", split=split)
    print(
        f"sample: {len(sample.train_texts)} labelled, {len(sample.unlabeled):,} unlabelled, "
        f"{len(sample.test_texts):,} test sentences, subjective or objective (Pang and Lee 2004, CC BY 4.0)"
    )
    model = classifier.learn(
        sample.train_texts,
        sample.train_labels,
        sample.unlabeled,
        output,
        budget_seconds=budget_seconds,
        seed=seed,
        overwrite=overwrite,
    )
    from minent.cli import scores

    found = scores.measure(model, sample.test_texts, sample.test_labels)
    print("\n".join(["", "on the test sentences:", *tables.scores(found), ""]))
    print(f'try: echo "a film that never quite takes off" | minent predict {output}')
