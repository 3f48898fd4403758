"""The programs, one in each file."""
