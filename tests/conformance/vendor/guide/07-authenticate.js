import { verifyToken, makeAccessTokenFactory, JWT, Scope } from '@chatdaddy/client'

const REFRESH_TOKEN = 'put-your-refresh-token-here'
const TEAM_ID = 'put-team-id'

// the access token factory fetches access tokens as you'd need them 
// using your refresh token, so that you can easily make requests to our services
// without worrying about expired credentials or over-fetching access tokens
const getAccessToken = makeAccessTokenFactory({
    request: { refreshToken: REFRESH_TOKEN }
})
