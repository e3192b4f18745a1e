"""Adapters to the outside that know no domain of ours."""
