// account ID => the ID of the account to archive
await accountsApi.accountsArchive({ accountId })
