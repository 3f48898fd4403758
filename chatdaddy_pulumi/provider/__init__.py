"""Check, diff, create, read, update and delete over plain values, for any front end."""
