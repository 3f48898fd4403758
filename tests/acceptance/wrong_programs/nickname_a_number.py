from chatdaddy_pulumi import Account

Account("alice", nickname=85291234567)
