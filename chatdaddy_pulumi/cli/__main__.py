"""`python -m chatdaddy_pulumi.cli`: the command without its launcher."""

from chatdaddy_pulumi.cli import main

main()
