import pulumi

from chatdaddy_pulumi import AccountFleet

AccountFleet("team", {"alice": {}}, opts=pulumi.ResourceOptions(ignore_changes=["accounts"]))
