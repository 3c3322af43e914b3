"""P-tuning: a few labelled texts teach a pretrained encoder a class through its own cloze task.

For whoever has an encoder and a handful of labels. What is learnt is a few vectors in a template, so it fits in a few
kilobytes beside the encoder that it shares with every other task.

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> from minent.encoders import EncoderConfig, PretrainConfig, pretrain
    >>> from minent.prompts import Backbone, PromptTuner
    >>> letters = SimpleNamespace(vocab_size=128, encode=lambda text: [ord(letter) for letter in text])
    >>> ids = np.tile(np.array(letters.encode("black and white, "), dtype=np.int32), 40)
    >>> shape = EncoderConfig(vocab_size=128, dim=16, layers=1, max_length=64)
    >>> encoder = pretrain(ids, np.array([0, len(ids)]), shape, PretrainConfig(steps=2, batch_size=2))
    >>> tuner = PromptTuner(Backbone(encoder, letters), template="{p*2}{mask}{p*2}{text}", steps=80)
    >>> tuner.fit(["aaaa", "aaa", "zzzz", "zzz"], ["low", "low", "high", "high"]).predict(["aa", "zz"]).tolist()
    ['low', 'high']
"""

from minent.prompts.backbone import Backbone, load_backbone
from minent.prompts.ensemble import PromptEnsemble
from minent.prompts.features import text_features
from minent.prompts.tuner import PromptTuner

__all__ = ["Backbone", "PromptEnsemble", "PromptTuner", "load_backbone", "text_features"]
