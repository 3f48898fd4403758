"""The measurements in the documentation: `python -m bench` measures and renders them."""
