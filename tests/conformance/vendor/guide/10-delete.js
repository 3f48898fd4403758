// account ID => the ID of the account you want to delete
await accountsApi.accountsDelete({ accountId })
