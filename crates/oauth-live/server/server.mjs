// oidc-provider, as the live trials want it: a certified authorization server that is not ours.
//
// It reads one line of JSON on stdin (`Setup` in src/provider.rs), so that no key of the run lies in a
// file. When it listens it prints one line, {"issuer": "https://127.0.0.1:…"}. It ends when stdin does:
// so it goes away with its parent, also where that one is killed.

import crypto from 'node:crypto';
import https from 'node:https';
import { createInterface } from 'node:readline';

import { Provider } from 'oidc-provider';

// stdout is for the one line; the library's notices are for those who deploy it
console.info = () => {};

const lines = createInterface({ input: process.stdin });
lines.once('line', (line) => start(JSON.parse(line)));
lines.once('close', () => process.exit());
process.once('SIGTERM', () => process.exit());

function start(setup) {
  const server = https.createServer({
    cert: setup.certificate,
    key: setup.key,
    keepAliveTimeout: 0, // else a connection may be closed just when the next request goes out
  });
  // the issuer's name holds the port, so the port comes first
  server.listen(0, '127.0.0.1', () => {
    const issuer = `https://127.0.0.1:${server.address().port}`;
    const provider = new Provider(issuer, configuration(setup));
    tellRefusals(provider);
    server.on('request', handler(provider));
    process.stdout.write(`${JSON.stringify({ issuer })}\n`);
  });
}

function configuration(setup) {
  return {
    clients: setup.clients,
    scopes: setup.scopes,
    jwks: { keys: [signingKey()] },
    cookies: { keys: [setup.cookie_secret] },
    clientAuthMethods: [
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
    ],
    // it takes neither of the algorithms of SMART App Launch unless told to
    enabledJWA: { clientAuthSigningAlgValues: ['HS256', 'RS384', 'ES384'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: isResourceServer(setup) },
      revocation: { enabled: true, allowedPolicy: isResourceServer(setup) },
    },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
    findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    // A jwks_uri is fetched with a dispatcher that refuses loopback, as it should where clients
    // register themselves. Ours are on loopback by design; they are still held to TLS.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  };
}

/** The key of its ID tokens, which nobody here reads; without one it takes a well-known one. */
function signingKey() {
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: 'provider', use: 'sig' };
}

/** Only the resource server may ask about tokens, and revoke them. */
function isResourceServer(setup) {
  return (ctx, client) => client.clientId === setup.resource_server;
}

function handler(provider) {
  const callback = provider.callback();
  return async (request, response) => {
    const url = new URL(request.url, provider.issuer);
    try {
      if (url.pathname.startsWith('/interaction/')) {
        await consent(provider, request, response);
      } else if (url.pathname === '/trial/minute-passed') {
        await letAMinutePass(provider, url.searchParams.get('client_id'));
        response.writeHead(204).end();
      } else {
        callback(request, response);
      }
    } catch (error) {
      console.error('failed', url.pathname, error.message);
      response.writeHead(500).end();
    }
  };
}

/** Somebody logs in and agrees to everything: there is no page, only the redirects. */
async function consent(provider, request, response) {
  const { params, prompt, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    const result = { login: { accountId: 'somebody' } };
    return provider.interactionFinished(request, response, result);
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(' '));
  const result = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result);
}

/**
 * What a jwks_uri brought counts for a minute at least, whatever its Cache-Control says, and is looked
 * at again only where a key is not among it. So a trial would wait that long; instead it says that the
 * minute has passed, for its own client.
 */
async function letAMinutePass(provider, clientId) {
  const client = await provider.Client.find(clientId);
  client.asymmetricKeyStore.freshUntil = 0;
}

/** Why it refuses, which it does not tell the client; never what was presented. */
function tellRefusals(provider) {
  const name = (ctx) => ctx.oidc?.client?.clientId ?? 'an unknown client';
  for (const event of ['grant', 'authorization', 'introspection', 'revocation']) {
    provider.on(`${event}.error`, (ctx, error) => {
      const why = error.error_detail ?? error.error_description;
      console.error(`${event}: refused ${name(ctx)}: ${error.error} (${why})`);
    });
  }
  provider.on('server_error', (ctx, error) => console.error('server error', error));
}
