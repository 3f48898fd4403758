from chatdaddy_pulumi import Account

Account("alice", settings={"enableHistorySync": "yes", "maxMessageSync": -1})
