"""Programs as users write them, and what type checkers say of them."""
