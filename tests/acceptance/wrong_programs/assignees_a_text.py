from chatdaddy_pulumi import Account

Account("alice", assignees="user-1")
