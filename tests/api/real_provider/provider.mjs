// A certified OpenID provider (oidc-provider) on loopback, with its own login form: `node provider.mjs CONFIG.json`.
// Whoever signs in is who they say, with the groups of that name in the file. Writes its port on stdout.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const given = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const server = createServer((request, response) => answer(request, response));
let answer;

server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: given.clients,
    claims: { openid: ['sub', 'groups'] },
    // With the ID token, for nobody asks for more by another call.
    conformIdTokenClaims: false,
    jwks: { keys: given.keys },
    cookies: { keys: ['of a test'] },
    findAccount: async (ctx, id) => ({
      accountId: id,
      claims: async () => ({ sub: id, name: 'Påhittad Person', email: 'p@example.se', groups: given.groups[id] ?? [] }),
    }),
    extraTokenClaims: async (ctx, token) => given.tokenClaims[token.clientId],
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => given.audience,
        useGrantedResource: async () => true,
        getResourceServerInfo: async () => ({
          scope: 'provkedja',
          audience: given.audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
  answer = provider.callback();
  console.log(`listening ${server.address().port}`);
});
