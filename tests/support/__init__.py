"""What several kinds of tests stand on: processes they start, and a way to look at them."""
