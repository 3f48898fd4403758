from chatdaddy_pulumi import Account

Account("alice", settings={"coexistenceContactsSynced": True})
