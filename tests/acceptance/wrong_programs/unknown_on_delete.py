from chatdaddy_pulumi import Account

Account("alice", on_delete="remove")
