import pulumi

from chatdaddy_pulumi import Account

other = pulumi.ComponentResource("own:index:Thing", "thing")
Account("alice", opts=pulumi.ResourceOptions(deleted_with=other))
