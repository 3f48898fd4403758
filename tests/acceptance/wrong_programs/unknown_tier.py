from chatdaddy_pulumi import Account

Account("alice", tier="limitd")
