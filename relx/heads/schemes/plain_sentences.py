"""Sentences of a batch as they are, and what encodes them and others."""

from functools import cached_property

import torch
from torch import Tensor

from relx.data.batch import Batch
from relx.heads.head import Encode


class PlainSentences:
    """A batch of plain sentences, and what encodes sentences. ``encoded`` are these, once they are asked for."""

    def __init__(self, batch: Batch, encode: Encode) -> None:
        self.batch = batch
        self.encode = encode

    @cached_property
    def encoded(self) -> Tensor:
        """[batch, length, size of the encoder]."""
        return self.encode(self.batch)

    @property
    def shape(self) -> torch.Size:
        """(batch, length)."""
        return self.batch.mask.shape
