"""Token counts as every part of the program understands them."""

from dataclasses import dataclass
from typing import Literal

UsageSource = Literal["provider", "estimated", "none"]


@dataclass(slots=True)
class Usage:
    """Token counts; None means the provider did not say, which differs from an explicit 0.

    `input_tokens` and `output_tokens` are as the vendor bills them in total: input includes cache reads and
    writes, output includes reasoning (readers normalise the dialects' differences).
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: UsageSource = "none"
