"""A small single-machine stand-in for the Pulumi engine."""
