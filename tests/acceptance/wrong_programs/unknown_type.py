from chatdaddy_pulumi import Account

Account("alice", type="whatsapp")
