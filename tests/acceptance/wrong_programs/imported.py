import pulumi

from chatdaddy_pulumi import Account

Account("alice", opts=pulumi.ResourceOptions(import_="acc0123456789abcdef01234567"))
