"""What is sent and answered, as types: the checks and the API description follow from them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(ge=0, le=1)]
Character = Annotated[int, Field(description="A place in the text, counted in characters from 0.")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


# What `_one_of_them` checks, said in the API description too, so that who reads it sends nothing that is refused.
_ONE_OF_THEM: dict[str, Any] = {
    "oneOf": [
        {"required": ["text"], "properties": {"text": {"type": "string"}}},
        {"required": ["texts"], "properties": {"texts": {"type": "array"}}},
    ]
}


class Texts(_Request):
    """One text or many."""

    model_config = ConfigDict(json_schema_extra=_ONE_OF_THEM)
    text: str | None = Field(None, description="One text.")
    texts: list[str] | None = Field(None, description='Many texts, instead of "text".')

    @model_validator(mode="after")
    def _one_of_them(self) -> Any:
        if (self.text is None) == (self.texts is None):
            raise ValueError('give either "text" or "texts"')
        return self

    @property
    def rows(self) -> list[str]:
        """The texts, whichever way they came."""
        return [self.text] if self.text is not None else list(self.texts or ())


class PredictRequest(Texts):
    """Texts to classify."""

    model_config = ConfigDict(
        json_schema_extra={**_ONE_OF_THEM, "example": {"texts": ["so good", "so bad"], "top_k": 2}}
    )
    top_k: int = Field(1, ge=1, description="How many labels to answer for each text, the likeliest first.")
    threshold: Probability = Field(0.0, description="Leave out labels below this probability; a text may get none.")


class Label(BaseModel):
    """A label and how likely it is."""

    label: str
    probability: float


class PredictAnswer(BaseModel):
    """One list of labels for each text, in the order of the texts."""

    predictions: list[list[Label]]
    model: str = Field(description="Digest of the model that answered.")


class Piece(BaseModel):
    """An n-gram at its place."""

    start: Character
    end: Character
    ngram: str
    known: bool = Field(description="Whether the model has a weight for it.")


class Tokens(BaseModel):
    """A text as the model reads it, and the n-grams in it."""

    text: str
    pieces: list[Piece]


class TokenizeAnswer(BaseModel):
    """One entry for each text, in the order of the texts."""

    tokens: list[Tokens]


class ExplainRequest(_Request):
    """A text to take apart."""

    model_config = ConfigDict(json_schema_extra={"example": {"text": "so good"}})
    text: str
    label: str | None = Field(None, description="Explain this label; without it, the likeliest.")


class Weighed(BaseModel):
    """An n-gram, and how strongly it speaks for the label (above zero) or against it."""

    ngram: str
    weight: float


class Neighbour(BaseModel):
    """A labelled text that shares evidence with the text."""

    text: str
    label: str
    likeness: float = Field(description="Cosine of the shared evidence, from 0 to 1.")


class ExplainAnswer(BaseModel):
    """Why a text gets its label."""

    text: str = Field(description="The text as the model reads it.")
    label: str
    labels: list[Label]
    weights: list[float] = Field(description='For each character of "text", how strongly it speaks for "label".')
    ngrams: list[Weighed] = Field(description="The n-grams that speak loudest.")
    neighbours: list[Neighbour]


class Health(BaseModel):
    """Whether it answers, and with what."""

    status: str = Field(description='"ok", or "stale" when the folder changed and cannot be read.')
    model: str
    classes: list[str]
    version: str
    trouble: str


class Problem(BaseModel):
    """What was wrong, in one line."""

    error: str
