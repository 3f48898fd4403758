from chatdaddy_pulumi import Account

Account("alice", tier="free", existing="take", login_type="google")
