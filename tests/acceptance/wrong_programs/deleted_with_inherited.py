import pulumi

from chatdaddy_pulumi import AccountFleet

other = pulumi.ComponentResource("own:index:Thing", "thing")
opts = pulumi.ResourceOptions(deleted_with=other)
shop = pulumi.ComponentResource("own:index:Shop", "shop", opts=opts)
AccountFleet("customers", accounts={"alice": {}}, opts=pulumi.ResourceOptions(parent=shop))
