"""Token counts as every part of the program understands them."""

from typing import Literal

import msgspec

UsageSource = Literal["provider", "estimated", "none"]
Details = dict[str, int | float | str]


class Usage(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Token counts; None means the provider did not say, which differs from an explicit 0.

    `input_tokens` and `output_tokens` are as the vendor bills them in total: input includes cache reads and
    writes, output includes reasoning (readers normalise the dialects' differences).

    `source`: "provider" = all counts are the provider's own; "estimated" = at least one of them was worked
    out here, from the sizes of the request and of the answer's text (an answer that was cut before it told
    its usage, or never tells it); "none" = nothing can be said, or nothing was used.

    `details` holds what only some answers tell and prices may need; None when there is nothing of it, and
    what is 0 or ordinary (tier "default") is left out. Its names:

    - parts of the input: `text_input_tokens`, `audio_input_tokens`, `image_input_tokens`,
      `video_input_tokens`, `document_input_tokens`, `tool_input_tokens` (results of the provider's own
      tools), `connector_tokens` (Mistral's);
    - parts of the output: `text_output_tokens`, `audio_output_tokens`, `image_output_tokens`,
      `video_output_tokens`, `citation_tokens`, `accepted_prediction_tokens`, `rejected_prediction_tokens`;
    - parts of what was read from the cache: `text_cache_read_tokens`, `audio_cache_read_tokens`,
      `image_cache_read_tokens`, `video_cache_read_tokens`; of what was written, by how long it lives:
      `cache_write_5m_tokens`, `cache_write_30m_tokens`, `cache_write_1h_tokens`, `cache_write_12h_tokens`;
    - other units: `seconds` (of sound or video), `characters` (of a text to speak or embed), `images`,
      `pages`, `search_units`, `classifications`, `web_search_requests`, `web_fetch_requests`,
      `search_context_size`;
    - what changes the price: `service_tier`, `speed`, `inference_geo`, `traffic_type`;
    - the provider's own sum: `cost_usd`, `upstream_cost_usd`;
    - where the billed counts are not the real ones (Cohere): `real_input_tokens`, `real_output_tokens`;
    - of a session of many answers (realtime): `responses`, `responses_unfinished`,
      `transcription_input_tokens`, `transcription_output_tokens`, `transcription_seconds`.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: UsageSource = "none"
    details: Details | None = None


NOTHING = Usage()
