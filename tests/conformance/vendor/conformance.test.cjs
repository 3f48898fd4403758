'use strict'
// The vendor's compiled client makes every call that we emulate: node --test
// The environment has SANDBOX_URL, TEAM_ID and REFRESH_TOKEN.

const assert = require('node:assert/strict')
const http = require('node:http')
const { test, before } = require('node:test')
const {
	APITokensApi, AccountApi, AccountState, AccountTier, AccountType, AutoChargeProductsApi,
	CLIENT_AXIOS, Configuration, EventSubscriptionApi, InviteLinksApi, OAuthApi, Scope, TeamDetailApi,
	TeamsApi, encodeSHA256, getScopes, makeAccessTokenFactory, setCustomPublicKey,
	validateUserScopes, verifyToken,
} = require('@chatdaddy/client')

const { SANDBOX_URL, TEAM_ID, REFRESH_TOKEN } = process.env
const LIMITED = AccountTier.LimitedMsgNoChatHistory
const UNLIMITED = AccountTier.UnlimitedMsgChatHistory

const at = (service, accessToken) => (
	new Configuration({ accessToken, basePath: `${SANDBOX_URL}/${service}` })
)
const control = async (method, path, body) => {
	const answer = await fetch(`${SANDBOX_URL}/_sandbox${path}`, {
		method,
		headers: { 'content-type': 'application/json' },
		body: body && JSON.stringify(body),
	})
	assert.equal(answer.status, 200)
	return answer.json()
}
const refused = (status, call) => assert.rejects(call, (error) => {
	assert.equal(error.response?.status, status, error.stack)
	assert.equal(typeof error.response.data.message, 'string')
	return true
})
const login = (scopes) => makeAccessTokenFactory({
	request: { refreshToken: REFRESH_TOKEN, scopes },
	config: { basePath: `${SANDBOX_URL}/auth` },
})

let token, accounts, newAccount

before(async () => {
	({ token } = await login()(TEAM_ID))
	accounts = new AccountApi(at('im', token))
	newAccount = async (request = {}) => {
		const { data } = await accounts.accountsPost({
			accountsPostRequest: { type: AccountType.Wa, tier: LIMITED, ...request },
		})
		return data
	}
})

const byId = async (accountId) => {
	const { data } = await accounts.accountsGet({ q: accountId })
	return data.accounts[0]
}

test('the factory gets a token that verifyToken accepts, and keeps it', async () => {
	const answer = await fetch(`${SANDBOX_URL}/_sandbox/public-key`)
	setCustomPublicKey(await answer.text())
	const factory = login()
	await control('DELETE', '/requests')
	const [first, second] = await Promise.all([factory(TEAM_ID), factory(TEAM_ID)])
	assert.equal(first.token, second.token)
	assert.equal((await factory(TEAM_ID)).token, first.token)
	const { totals } = await control('GET', '/requests')
	assert.deepEqual(totals, { 'POST /auth/token': 1 })

	const jwt = verifyToken(first.token)
	assert.equal(jwt.user.teamId, TEAM_ID)
	assert.equal(jwt.exp - jwt.iat, 3600)
	assert.ok(validateUserScopes(jwt, 'ACCOUNT_CREATE').authorized)
	const left = first.expiresAt.getTime() - Date.now()
	assert.ok(left > 57 * 60_000 && left <= 58 * 60_000, 'renewed 2 minutes before its end')
})

test('a token has only the requested scopes', async () => {
	const { token: narrow } = await login([Scope.AccountRead])(TEAM_ID)
	assert.deepEqual(getScopes(verifyToken(narrow).scope), ['ACCOUNT_READ'])
	const narrowAccounts = new AccountApi(at('im', narrow))
	await narrowAccounts.accountsGet()
	await refused(403, narrowAccounts.accountsPost({ accountsPostRequest: { type: 'wa' } }))
})

test('a login by password, and wrong ones', async () => {
	const oauth = new OAuthApi(at('auth'))
	const request = { phoneNumber: 85200000000, password: 'sandbox-password' }
	const { data } = await oauth.tokenPost({ authRequest: { ...request, returnRefreshToken: true } })
	assert.equal(data.refresh_token, REFRESH_TOKEN)
	assert.ok(Date.parse(data.refresh_token_expiry) > Date.now())
	const hashed = { ...request, password: encodeSHA256(request.password), passwordEncoding: 'shaBase64' }
	await oauth.tokenPost({ authRequest: hashed })
	await refused(401, oauth.tokenPost({ authRequest: { ...request, password: 'x' } }))
	await refused(403, login()('another-team'))
	await refused(401, new AccountApi(at('im', 'not-a-token')).accountsGet())
})

test('API tokens', async () => {
	const tokens = new APITokensApi(at('auth', token))
	const { data: made } = await tokens.apiTokenPost({
		apiTokenPostRequest: { reason: 'conformance', scopes: [Scope.AccountRead] },
	})
	assert.equal(made.teamId, TEAM_ID)
	const asToken = new AccountApi(at('im', made.token))
	await asToken.accountsGet()
	const { data: jwt } = await tokens.apiTokenValidatePost({
		apiTokenValidatePostRequest: { token: made.token },
	})
	assert.deepEqual(getScopes(jwt.scope), ['ACCOUNT_READ'])
	const { data: listed } = await tokens.apiTokenGet()
	assert.ok(listed.tokens.some((other) => other.token === made.token))
	await tokens.apiTokenDelete({ tokens: [made.token, 'not-there'] })
	await refused(401, asToken.accountsGet())
})

test('accounts: purchase, find, page, patch', async () => {
	const { data: before } = await accounts.accountsGet({ returnCount: true })
	const made = []
	for(const nickname of ['one', 'two', 'three']) {
		made.push(await newAccount({ nickname, settings: { maxMessageSync: 3 } }))
	}
	const [account] = made
	assert.match(account.accountId, new RegExp(`^acc${TEAM_ID.slice(0, 21)}[0-9a-f]{4}$`))
	assert.equal(account.tier, LIMITED)
	assert.equal(account.state, AccountState.Close)
	assert.deepEqual(await byId(account.accountId), account)

	const { data: all } = await accounts.accountsGet({ returnCount: true, count: 2 })
	assert.equal(all.total, before.total + 3)
	assert.equal(all.accounts.length, 2)
	const filter = { type: AccountType.Mock, state: AccountState.Open, all: false }
	assert.deepEqual((await accounts.accountsGet(filter)).data.accounts, [])

	const patch = (accountsPatchRequest) => (
		accounts.accountsPatch({ accountId: account.accountId, accountsPatchRequest })
	)
	assert.deepEqual((await patch({ tier: UNLIMITED, nickname: 'uno' })).data, { success: true })
	await refused(400, patch({ tier: UNLIMITED }))
	await refused(400, patch({ tier: 'gold' }))
	await patch({ settings: { enableStories: true }, assignees: ['user-1'] })
	const changed = await byId(account.accountId)
	assert.equal(changed.nickname, 'uno')
	assert.equal(changed.tier, UNLIMITED)
	assert.equal(changed.settings.enableStories, true)
	assert.deepEqual(changed.assignees, ['user-1'])
	await refused(404, accounts.accountsPatch({ accountId: 'acc0', accountsPatchRequest: {} }))
	await refused(400, accounts.accountsPost({ accountsPostRequest: {} }))
})

test('accounts: connect by QR code and by PIN, disconnect, log out', async () => {
	const { accountId } = await newAccount({ tier: UNLIMITED })
	await accounts.accountsOpen({ accountId })
	const connecting = await byId(accountId)
	assert.equal(connecting.state, AccountState.Connecting)
	assert.ok(connecting.stateInfo.qr)
	await accounts.waChangeLoginMode({
		accountId, accountWaChangeLoginMode: { type: 'phoneNumber', phoneNumber: '85212345678' },
	})
	assert.ok((await byId(accountId)).stateInfo.pin)
	await accounts.waChangeLoginMode({ accountId, accountWaChangeLoginMode: { type: 'qr' } })
	await control('POST', `/accounts/${accountId}/scan`, {})
	const open = await byId(accountId)
	assert.equal(open.state, AccountState.Open)
	assert.ok(open.stateInfo.chats.completed)
	await accounts.accountsClose({ accountId })
	await accounts.accountsOpen({ accountId })
	assert.equal((await byId(accountId)).state, AccountState.Open)
	await accounts.accountsClose({ accountId, logout: true })
	assert.equal((await byId(accountId)).canLogin, false)
	await control('POST', `/accounts/${accountId}/scan`, {})
	await accounts.accountsLogout({ accountId })
	assert.equal((await byId(accountId)).userId, null)

	await control('POST', `/accounts/${accountId}/scan`, {})
	await control('POST', `/accounts/${accountId}/fail`, { message: 'gone' })
	assert.equal((await byId(accountId)).error.message, 'gone')
	// Newer than the compiled client.
	const url = `${SANDBOX_URL}/im/accounts/${accountId}/disconnect-ack`
	await CLIENT_AXIOS.post(url, undefined, { headers: { Authorization: `Bearer ${token}` } })
	assert.equal((await byId(accountId)).stateInfo.disconnectFlag, undefined)
})

test('accounts: delete, recreate, delete now, archive', async () => {
	const { accountId } = await newAccount()
	assert.deepEqual((await accounts.accountsDelete({ accountId })).data, { success: true })
	assert.ok((await byId(accountId)).deletedAt)
	// Newer than the compiled client.
	const url = `${SANDBOX_URL}/im/accounts/${accountId}/recreate`
	const headers = { Authorization: `Bearer ${token}` }
	const { data: back } = await CLIENT_AXIOS.post(url, undefined, { headers })
	assert.equal(back.accountId, accountId)
	assert.equal(back.deletedAt, null)
	await accounts.accountsDelete({ accountId, deleteNow: true })
	assert.equal(await byId(accountId), undefined)
	await refused(404, accounts.accountsDelete({ accountId }))

	const { accountId: archived } = await newAccount()
	assert.deepEqual((await accounts.accountsArchive({ accountId: archived })).data, { success: true })
	assert.match((await byId(archived)).archiveState.type, /archiving|done/)
})

test('billing', async () => {
	const detailApi = new TeamDetailApi(at('payments', token))
	const item = 'limitedMsgNoHistoryAccountDay'
	const { data: detail } = await detailApi.teamDetailGet()
	assert.equal(detail.id, TEAM_ID)
	assert.ok(detail.usage[item] > 0)
	// Like the official example of a purchase.
	await detailApi.teamDetailPatch({
		teamDetailUpdate: { autoChargeItems: [...detail.autoChargeItems, item] },
	})
	assert.ok((await detailApi.teamDetailGet()).data.autoChargeItems.includes(item))
	await detailApi.teamDetailPatch({ teamDetailUpdate: { autoChargeItems: detail.autoChargeItems } })
	await detailApi.teamDetailRefreshAccess({ refreshUsage: true })

	const { accountId } = await newAccount()
	await control('POST', `/accounts/${accountId}/messages`, { count: 1200 })
	const { data: access } = await detailApi.teamDetailAccountAccessGet({ accountId })
	assert.equal(access.usage.messages, 1000)
	assert.equal(access.access.limits.messages, 1000)
	await refused(404, detailApi.teamDetailAccountAccessGet({ accountId: 'acc0' }))

	const productsApi = new AutoChargeProductsApi(at('payments', token))
	const { data: products } = await productsApi.autoChargeProductsGet()
	assert.ok(products.items.some((product) => product.item === item && product.stripePriceId))
	const { data: prepared } = await productsApi.autoChargeProductsPrepare({ item, accountId })
	assert.ok(prepared.usage[item] > 0)
})

test('webhooks: subscribed, delivered, changed, deleted', async () => {
	const got = []
	const listener = http.createServer((request, answer) => {
		let body = ''
		request.on('data', (chunk) => { body += chunk })
		request.on('end', () => { got.push(JSON.parse(body)); answer.end() })
	})
	await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve))
	const api = new EventSubscriptionApi(at('events', token))
	const { data: made } = await api.subscriptionsPost({
		postEventSubscription: {
			enabled: true,
			url: `http://127.0.0.1:${listener.address().port}/`,
			events: ['account-insert', 'account-delete'],
		},
	})
	assert.equal(made.type, 'webhook')
	const account = await newAccount({ nickname: 'heard' })
	for(let i = 0; i < 200 && !got.length; i++) {
		await new Promise((resolve) => setTimeout(resolve, 25))
	}
	listener.close()
	listener.closeAllConnections()
	assert.deepEqual(got[0], { event: 'account-insert', data: [account] })

	const { data: listed } = await api.subscriptionsGet({
		type: 'webhook', teamId: [TEAM_ID], userId: [made.userId],
	})
	assert.ok(listed.subscriptions.some((other) => other.id === made.id))
	const { data: changed } = await api.subscriptionsPatch({
		id: made.id, updateEventSubscription: { enabled: false },
	})
	assert.equal(changed.enabled, false)
	await api.subscriptionsDelete({ id: made.id })
	await refused(404, api.subscriptionsDelete({ id: made.id }))
})

test('the team, its members, its invite links', async () => {
	const teams = new TeamsApi(at('auth', token))
	await teams.teamsPatch({ teamPatchRequest: { name: 'Conformers', region: 'HK' } })
	const { data: link } = await new InviteLinksApi(at('auth', token)).inviteLinksPost({
		eitherRoleOrScopes: { role: 'agent' },
	})
	assert.equal(link.teamId, TEAM_ID)
	const { data } = await teams.teamsGet({
		id: [TEAM_ID], includeTeamMembers: true, includeInviteLinks: true, includeTotal: true,
	})
	assert.equal(data.total, 1)
	const [team] = data.teams
	assert.equal(team.name, 'Conformers')
	assert.equal(team.members[0].teamId, TEAM_ID)
	assert.ok(team.inviteLinks.some((other) => other.id === link.id))
	await teams.teamsPatch({ teamPatchRequest: { inviteLinks: [{ id: link.id, delete: true }] } })
})

test('the client retries 429 and 503, and buys again if an answer was lost', async () => {
	const nickname = `retry-${Date.now()}`
	const fault = (action, more) => (
		control('POST', '/faults', { method: 'POST', path: '/im/accounts', action, ...more })
	)
	const bought = async () => (await accounts.accountsGet({ q: nickname })).data.accounts.length
	await fault('status', { status: 429 })
	await fault('status', { status: 503 })
	await newAccount({ nickname })
	assert.equal(await bought(), 1)
	await fault('status', { status: 500 })
	await refused(500, newAccount({ nickname }))
	assert.equal(await bought(), 1)
	// Its retryCondition asks axios-retry whether the error can be retried, not whether the call
	// can: a purchase whose connection was cut after the work is made a second time.
	await fault('drop_after')
	await newAccount({ nickname })
	assert.equal(await bought(), 3)
})
