"""The program that `pulumi up` runs."""

from customers import CUSTOMERS, declare

declare(CUSTOMERS)
