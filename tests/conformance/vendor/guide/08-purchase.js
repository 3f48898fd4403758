import { AccountApi, AccountTier, AccountType, Configuration } from '@chatdaddy/client'

(async() => {
	const { token: accessToken } = await getAccessToken(TEAM_ID)
	const accountsApi = new AccountApi(new Configuration({ accessToken }))
	const { data } =  await accountsApi.accountsPost({
    accountsPostRequest: {
			// just a nickname -- does not need to be unique
			// this is just for display purposes
			nickname: 'My New Account',
			// change the tier to upgrade/downgrade functionality
			// this one gives only limited messages, and syncs no chat history
			tier: AccountTier.LimitedMsgNoChatHistory,
			type: AccountType.Wa
    }
	})

	console.log(`purchases & created a new account with ID: "${data.accountId}"!`)
})()
