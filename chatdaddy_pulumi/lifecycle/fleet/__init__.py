"""Many accounts as one: what a fleet wants, what it holds, and the way from one to the other."""
