from chatdaddy_pulumi import Account

Account("alice", adopt="alice")
