'use strict'
// Runs the guide's own text, step by step: node run-guide.cjs purchase | STEP ACCOUNT_ID
//
// Only the address is changed: the client's calls to ChatDaddy are sent to SANDBOX_URL. `import`
// becomes `require`, like in compiled TypeScript, because the guide imports a type (`JWT`) that does
// not exist at run time.

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const client = require('@chatdaddy/client')

const step = (name) => readFileSync(join(__dirname, 'guide', `${name}.js`), 'utf8')
	.replace(/^import \{(.*)\} from '(.*)'$/gm, "const {$1} = require('$2');")
const AsyncFunction = (async () => {}).constructor

client.CLIENT_AXIOS.interceptors.request.use((request) => {
	request.url = request.url.replace('https://api.chatdaddy.tech', process.env.SANDBOX_URL)
	return request
})

const main = async () => {
	const [name, accountId] = process.argv.slice(2)
	if(name === 'purchase') {
		new Function('require', step('07-authenticate') + step('08-purchase'))(require)
		return
	}
	const login = new Function('require', step('07-authenticate') + 'return getAccessToken(TEAM_ID)')
	const { token: accessToken } = await login(require)
	const accountsApi = new client.AccountApi(new client.Configuration({ accessToken }))
	const { AccountTier } = client
	const run = new AsyncFunction('accountsApi', 'accountId', 'AccountTier', step(name))
	await run(accountsApi, accountId, AccountTier)
}

main().catch((error) => {
	console.error(error.response?.status, JSON.stringify(error.response?.data), error.message)
	process.exitCode = 1
})
