"""Pure leaf helpers: no import of anything else of ours, no I/O."""
