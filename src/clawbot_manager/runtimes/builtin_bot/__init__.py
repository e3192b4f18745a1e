"""The built-in bot: a small chat agent behind the same HTTP surface as an OpenClaw gateway.

Standard library only, Python >= 3.9, so that a bare interpreter in a slim image runs this directory:
`python -I -S builtin_bot --bot-id UUID --instance LABEL`. Everything else comes from the environment
(`CLAWBOT_*`, see `Environment`) and from `config.json`, `soul.md`, `features.json` in the workspace, which
are read again for every message. It knows one place on the network, the proxy, and two tokens of its own.

A manager runs a hundred of these: what a module costs to import, each of them pays, in time and in memory.
"""
