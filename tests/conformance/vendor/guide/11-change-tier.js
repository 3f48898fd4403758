// upgrades the tier to "unlimited messages & chat history"
await accountsApi.accountsPatch({
	accountId,
	accountsPatchRequest: { tier: AccountTier.UnlimitedMsgChatHistory	}
})
