"""Code that several kinds of tests share."""
