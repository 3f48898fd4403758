"""The intent of a fleet: what it is about to buy, saved before it buys."""
