"""The choices of a tuning, checked at the door."""

from __future__ import annotations

from dataclasses import dataclass, field

from minent.errors import InputError, did_you_mean, listing, number, whole
from minent.prompts.backbone import AnyBackbone
from minent.prompts.losses import LOSSES, Weights
from minent.prompts.reparametrize import REPARAMETRIZATIONS
from minent.prompts.starts import STARTS
from minent.prompts.template import Template, parse
from minent.prompts.training import MODES, Schedule
from minent.prompts.verbalizer import Words

CHOICES: dict[str, tuple[str, ...]] = {
    "mode": MODES,
    "head": ("auto", "cloze", "pooled"),
    "labels": ("learned", "words", "prototypes"),
    "pieces": ("mean", "each"),
    "start": STARTS,
    "reparametrization": tuple(REPARAMETRIZATIONS),
    "calibration": ("none", "context", "unlabeled"),
    "loss": tuple(LOSSES),
}
LEAST = {"steps": 0, "batch_size": 1, "max_length": 2, "seed": 0}
FROM_ZERO = ("prompt_rate", "head_rate", "body_rate", "weight_decay", "dropout", "auxiliary", "r_drop", "adversarial")
OPEN = ("max_length", "head_rate", "body_rate")  # None: the backbone or the prompts say
TEMPLATES = {"cloze": "{p*4}{mask}{p*4}{text}", "causal": "{p*4}{text}{p*4}{mask}", "pooled": "{p*8}{text}"}
FOUND = "found"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Every argument of `PromptTuner` but the backbone and the reporter; see there."""

    template: str | None = None
    verbalizer: Words | str | None = None
    mode: str = "prompts"
    head: str = "auto"
    labels: str = "learned"
    pieces: str = "mean"
    start: str = "auto"
    deep: bool = False
    reparametrization: str = "none"
    calibration: str = "none"
    loss: str = "softmax"
    steps: int = 100
    batch_size: int = 16
    prompt_rate: float = 1e-2
    head_rate: float | None = None
    body_rate: float | None = None
    weight_decay: float = 0.0
    dropout: float = 0.0
    auxiliary: float = 0.0
    r_drop: float = 0.0
    adversarial: float = 0.0
    max_length: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise InputError(f"{name} is {value!r}; it takes one of {listing(known)}.{did_you_mean(value, known)}")
        left_open = {name for name in OPEN if getattr(self, name) is None}
        for name, least in LEAST.items():
            if name not in left_open:
                whole(name, getattr(self, name), least)
        for name in FROM_ZERO:
            if name not in left_open:
                number(name, getattr(self, name), 0)
        if not self.dropout < 1:
            raise InputError(f"dropout is {self.dropout}; it takes a share from 0 to below 1.")
        if self.r_drop and not self.dropout:
            raise InputError(
                f"r_drop is {self.r_drop}, but dropout is 0, so both readings of a text are the same. Set dropout=0.1."
            )
        if isinstance(self.verbalizer, str) and self.verbalizer != FOUND:
            raise InputError(f"verbalizer is {self.verbalizer!r}; it takes words for each class, or 'found'.")
        if self.pieces == "each" and self.labels != "words":
            raise InputError(
                f"pieces is 'each' and labels is {self.labels!r}; a mask for each token reads the words themselves, so "
                f"set labels='words'."
            )


@dataclass(frozen=True)
class Choices:
    """The same once the backbone is known: nothing is open any more.

    Attributes:
        options: What was given.
        template: Parsed.
        pooled: The class is read from the mean over the tokens.
        schedule: How to train.
    """

    options: Options
    template: Template
    pooled: bool
    schedule: Schedule = field(default_factory=Schedule)

    @classmethod
    def of(cls, options: Options, backbone: AnyBackbone) -> Choices:
        """Settle what was left open, and refuse what this backbone cannot do.

        Raises:
            InputError: With the cure.
        """
        if backbone is None:
            raise InputError("backbone is None; prompts need one. Load it with load_backbone(folder).")
        body = backbone.body
        pooled = options.head == "pooled" or (options.head == "auto" and not body.speaks)
        reads_words = not pooled or options.labels == "words" or options.verbalizer or options.auxiliary
        if not body.speaks and reads_words:
            raise InputError(
                f"{backbone.name} has no output words ({body.mute}), so no class can be read from words. Use "
                f"head='pooled' with labels='learned' or 'prototypes', no verbalizer and auxiliary=0, or a masked or "
                f"causal model."
            )
        form = "pooled" if pooled else "causal" if body.causal else "cloze"
        template = parse(TEMPLATES[form] if options.template is None else options.template)
        _check_template(template, pooled, options)
        if pooled and (options.labels == "words" or options.verbalizer):
            raise InputError("head is 'pooled', which reads no words: leave the verbalizer out and labels='learned'.")
        if options.pieces == "each" and body.causal:
            raise InputError(
                f"pieces is 'each', but {backbone.name} reads from left to right and has no masks. Use pieces='mean'."
            )
        schedule = Schedule(
            mode=options.mode,
            steps=options.steps,
            batch_size=options.batch_size,
            prompt_rate=options.prompt_rate,
            head_rate=options.prompt_rate if options.head_rate is None else options.head_rate,
            body_rate=body.rate if options.body_rate is None else options.body_rate,
            weight_decay=options.weight_decay,
            dropout=options.dropout,
            seed=options.seed,
            weights=Weights(options.loss, options.auxiliary, options.r_drop, options.adversarial),
        )
        return cls(options, template, pooled, schedule)


def _check_template(template: Template, pooled: bool, options: Options) -> None:
    masks, slots = template.count("mask"), template.count("slots")
    if not pooled and masks != 1:
        raise InputError(
            f"template {template.line!r}: {{mask}} stands {masks} times in it; exactly once is needed, where the class "
            f"is read. To read it from the whole text, choose head='pooled'."
        )
    if pooled and masks:
        raise InputError(
            f"template {template.line!r}: head='pooled' reads the class from all tokens, so leave {{mask}} out."
        )
    if not slots and options.mode == "prompts" and options.labels == "words" and options.steps:
        raise InputError(
            f"template {template.line!r} has no slot, so with mode='prompts' and labels='words' nothing can be "
            f"trained. Add {{p}}, or choose labels='learned', mode='all' or steps=0."
        )
    if not slots and (options.deep or options.start != "auto"):
        raise InputError(
            f"template {template.line!r} has no slot, so there is nothing to start or to deepen. Add {{p}}."
        )
