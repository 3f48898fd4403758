"""Type checks of programs as users write them."""
