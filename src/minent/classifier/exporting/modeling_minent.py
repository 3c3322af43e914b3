"""A linear classifier over counted n-grams, for Hugging Face transformers.

This file travels with the exported model and needs torch and transformers alone. `logits` are the scores over the
temperature, so their softmax is the calibrated probability of each label.

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
    model(**tokenizer(texts, padding=True, truncation=False, return_tensors="pt")).logits.softmax(-1)
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class MinentNgramConfig(PretrainedConfig):
    """The shape of the model.

    Args:
        vocab_size: Ids of the tokenizer; 0 is padding and 1 is unknown, and no n-gram holds either.
        ngram_counts: How many n-grams of one, two, three ids there are.
        transform: How counts become a row: `"tfidf"` or `"length"`.
        length: For `"length"`: what a row sums to at most.
        calibration_temperature: Scores are divided by it.
        kwargs: What transformers itself keeps in a config.
    """

    model_type = "minent-ngrams"

    def __init__(
        self, vocab_size=2, ngram_counts=(), transform="length", length=20.0, calibration_temperature=1.0, **kwargs
    ):
        self.vocab_size = vocab_size
        self.ngram_counts = list(ngram_counts)
        self.transform = transform
        self.length = length
        self.calibration_temperature = calibration_temperature
        kwargs.setdefault("pad_token_id", 0)
        super().__init__(**kwargs)


class MinentForSequenceClassification(PreTrainedModel):
    """Scores of every label for every text.

    Args:
        config: The shape.
    """

    config_class = MinentNgramConfig
    main_input_name = "input_ids"

    def __init__(self, config):
        super().__init__(config)
        for size, count in enumerate(config.ngram_counts, start=1):
            self.register_buffer(f"keys_{size}", torch.zeros(count, dtype=torch.int64))  # rising
        features = sum(config.ngram_counts)
        self.idf = nn.Parameter(torch.ones(features), requires_grad=False)
        self.weight = nn.Parameter(torch.zeros(features, config.num_labels))
        self.bias = nn.Parameter(torch.zeros(config.num_labels))
        self.post_init()

    def _init_weights(self, module):
        """All weights are read."""

    def forward(self, input_ids, attention_mask=None, labels=None, return_dict=None, **ignored):
        """Score ids `(texts, length)`; `labels (texts,)` give a loss."""
        if attention_mask is not None:
            input_ids = input_ids * attention_mask.to(input_ids.dtype)
        text_of, column_of, counts = self._count(input_ids.long())
        values = self._row_values(text_of, column_of, counts, len(input_ids))
        terms = self.weight[column_of] * values[:, None]
        scores = self.bias.repeat(len(input_ids), 1).index_add(0, text_of, terms)
        logits = scores / self.config.calibration_temperature
        loss = None if labels is None else F.cross_entropy(logits, labels)
        found = SequenceClassifierOutput(loss=loss, logits=logits)
        return found.to_tuple() if return_dict is False else found

    def _count(self, ids):
        """The n-grams of every text: which text, which column, how often."""
        features, first, found = len(self.weight), 0, []
        for size, count in enumerate(self.config.ngram_counts, start=1):
            places = ids.shape[1] - size + 1
            if places > 0 and count:
                asked = ids[:, :places]
                for step in range(1, size):
                    asked = asked * self.config.vocab_size + ids[:, step : step + places]
                keys = getattr(self, f"keys_{size}")
                place = torch.searchsorted(keys, asked).clamp(max=count - 1)
                text, at = (keys[place] == asked).nonzero(as_tuple=True)
                found.append(text * features + place[text, at] + first)
            first += count
        codes, counts = torch.cat(found or [ids.new_zeros(0)]).unique(return_counts=True)
        return codes // features, codes % features, counts

    def _row_values(self, text_of, column_of, counts, texts):
        """What each count is worth: see the config."""
        zeros = self.bias.new_zeros(texts)
        if self.config.transform == "length":
            distinct = zeros.index_add(0, text_of, torch.ones_like(counts, dtype=zeros.dtype))
            return (self.config.length / distinct.clamp(min=1)).clamp(max=1)[text_of]
        values = (1 + counts.to(zeros.dtype).log()) * self.idf[column_of]
        return values / zeros.index_add(0, text_of, values**2).sqrt()[text_of]
