"""What the numbers of the documentation come from: `python -m bench` measures and renders."""
