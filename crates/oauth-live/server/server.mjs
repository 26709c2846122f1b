// oidc-provider, as the live trials want it: a certified authorization server that is not ours.
//
// It reads one line of JSON on stdin (`Setup` in src/provider.rs), so that no key of the run lies in a
// file. When it listens it prints one line, {"issuer": "https://127.0.0.1:…"}. It ends when stdin does:
// so it goes away with its parent, also where that one is killed.
//
// It has two origins. The issuer's asks nobody for a certificate; the other one asks for one, and demands
// none. The metadata names that one for clients with a certificate (RFC 8705 5).

import crypto from 'node:crypto';
import https from 'node:https';
import { createInterface } from 'node:readline';

import { Provider, errors } from 'oidc-provider';

import { happen, signingKeys } from './happenings.mjs';
import { pages } from './pages.mjs';

// stdout is for the one line; the library's notices are for those who deploy it
console.info = () => {};

const lines = createInterface({ input: process.stdin });
lines.once('line', (line) => start(JSON.parse(line)));
lines.once('close', () => process.exit());
process.once('SIGTERM', () => process.exit());

async function start(setup) {
  const shown = {
    cert: setup.certificate,
    key: setup.key,
    keepAliveTimeout: 0, // else a connection may be closed just when the next request goes out
  };
  const plain = https.createServer(shown);
  const asking = https.createServer({
    ...shown,
    ca: setup.client_ca,
    requestCert: true,
    rejectUnauthorized: false, // whose it is, is a question of the client's registration
  });
  // the issuer's name holds the port, so the ports come first
  const [issuer, mtls] = await Promise.all([listen(plain), listen(asking)]);
  const provider = new Provider(issuer, configuration(setup, mtls));
  tellRefusals(provider);
  const handle = handler(provider);
  plain.on('request', handle);
  asking.on('request', handle);
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
}

/** Its origin, once it listens. */
function listen(server) {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`https://127.0.0.1:${server.address().port}`));
  });
}

function configuration(setup, mtls) {
  return {
    clients: setup.clients,
    scopes: ['openid', 'offline_access', ...setup.scopes],
    jwks: { keys: signingKeys() },
    cookies: { keys: [setup.cookie_secret] },
    clientAuthMethods: [
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'tls_client_auth',
      'self_signed_tls_client_auth',
      'none',
    ],
    enabledJWA: {
      // it takes neither of the algorithms of SMART App Launch unless told to
      clientAuthSigningAlgValues: ['HS256', 'RS384', 'ES384'],
      requestObjectSigningAlgValues: ['RS256', 'RS384', 'PS256', 'ES256', 'ES384', 'EdDSA'],
      dPoPSigningAlgValues: ['ES256', 'ES384', 'EdDSA'],
      idTokenSigningAlgValues: ['RS256', 'ES256', 'ES384'],
      authorizationSigningAlgValues: ['RS256', 'ES256'],
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: isOwnOrResourceServer(setup) },
      revocation: { enabled: true, allowedPolicy: isOwnOrResourceServer(setup) },
      registration: { enabled: true, initialAccessToken: setup.initial_access_token },
      registrationManagement: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      requestObjects: { enabled: true },
      jwtResponseModes: { enabled: true },
      deviceFlow: { enabled: true, ...pages.device },
      dPoP: {
        enabled: true,
        nonceSecret: crypto.randomBytes(32),
        requireNonce: wantsNonce(setup),
      },
      mTLS: mutualTls(),
      resourceIndicators: resourceIndicators(setup),
      richAuthorizationRequests: authorizationDetails(),
    },
    discovery: { mtls_endpoint_aliases: aliases(mtls) },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
    findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError: pages.error,
    // A jwks_uri is fetched with a dispatcher that refuses loopback, as it should where clients
    // register themselves. Ours are on loopback by design; they are still held to TLS.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  };
}

/** Clients ask about tokens of their own, and revoke them; the resource server does so with all. */
function isOwnOrResourceServer(setup) {
  return (ctx, client, token) => (
    client.clientId === setup.resource_server || client.clientId === token.clientId
  );
}

/** RFC 9449 8: of some clients the token endpoint wants a nonce; 9: userinfo wants one of all. */
function wantsNonce(setup) {
  return (ctx) => (
    ctx.oidc.route === 'userinfo' || setup.nonce_clients.includes(ctx.oidc.client?.clientId)
  );
}

/** RFC 8705: both kinds of certificates, and tokens bound to them. */
function mutualTls() {
  const shown = (ctx) => ctx.socket.getPeerX509Certificate?.();
  return {
    enabled: true,
    certificateBoundAccessTokens: true,
    tlsClientAuth: true,
    selfSignedTlsClientAuth: true,
    getCertificate: shown,
    certificateAuthorized: (ctx) => ctx.socket.authorized,
    certificateSubjectMatches: (ctx, property, expected) => (
      property === 'tls_client_auth_san_dns'
        && shown(ctx).subjectAltName.split(', ').includes(`DNS:${expected}`)
    ),
  };
}

/** RFC 8705 5: its endpoints at the origin that asks for certificates. */
function aliases(origin) {
  return {
    token_endpoint: `${origin}/token`,
    introspection_endpoint: `${origin}/token/introspection`,
    revocation_endpoint: `${origin}/token/revocation`,
    pushed_authorization_request_endpoint: `${origin}/request`,
    device_authorization_endpoint: `${origin}/device/auth`,
    userinfo_endpoint: `${origin}/me`,
  };
}

/** RFC 8707: only the APIs of the setup. */
function resourceIndicators(setup) {
  const known = new Map(setup.resources.map((resource) => [resource.id, resource]));
  return {
    enabled: true,
    defaultResource: (ctx, client, oneOf) => oneOf,
    useGrantedResource: () => true,
    getResourceServerInfo: (ctx, id) => {
      const resource = known.get(id);
      if (!resource) {
        throw new errors.InvalidTarget();
      }
      const { scope } = resource;
      return resource.is_jwt
        ? { scope, audience: id, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }
        : { scope, audience: id, accessTokenFormat: 'opaque' };
    },
  };
}

/** RFC 9396: one type, of which everything that is asked for is granted. */
function authorizationDetails() {
  const validate = (ctx, detail) => {
    if (!detail.amount) {
      throw new errors.InvalidAuthorizationDetails('amount is missing');
    }
  };
  const asked = (ctx) => JSON.parse(ctx.oidc.params.authorization_details ?? 'null') ?? undefined;
  return {
    enabled: true,
    types: { payment: { validate } },
    authorizationDetailsForGrantSource: (ctx, source) => source.rar ?? ctx.oidc.grant?.rar,
    authorizationDetailsForAccessToken: (ctx, token, source) => source?.rar ?? asked(ctx),
    authorizationDetailsForIntrospection: (ctx, token) => token.rar,
  };
}

function handler(provider) {
  const callback = provider.callback();
  return async (request, response) => {
    const url = new URL(request.url, provider.issuer);
    try {
      if (url.pathname.startsWith('/interaction/')) {
        await consent(provider, request, response);
      } else if (url.pathname.startsWith('/trial/')) {
        const name = url.pathname.slice('/trial/'.length);
        const status = (await happen(provider, name, url.searchParams)) ? 204 : 404;
        response.writeHead(status).end();
      } else {
        callback(request, response);
      }
    } catch (error) {
      console.error('failed', url.pathname, error.message);
      response.writeHead(500).end();
    }
  };
}

/**
 * Somebody logs in and agrees to everything: there is no page, only the redirects. The login hint is who
 * it is; `nobody` refuses.
 */
async function consent(provider, request, response) {
  const interaction = await provider.interactionDetails(request, response);
  const { params, prompt, session } = interaction;
  if (params.login_hint === 'nobody') {
    const result = { error: 'access_denied', error_description: 'nobody agreed' };
    return provider.interactionFinished(request, response, result);
  }
  if (prompt.name === 'login') {
    const result = { login: { accountId: params.login_hint ?? 'somebody' } };
    return provider.interactionFinished(request, response, result);
  }
  const grant = await grantOf(provider, interaction, session.accountId, params.client_id);
  const asked = prompt.details;
  grant.addOIDCScope((asked.missingOIDCScope ?? []).join(' '));
  grant.addOIDCClaims(asked.missingOIDCClaims ?? []);
  for (const [resource, scopes] of Object.entries(asked.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  if (asked.rar) {
    grant.rar = asked.rar;
  }
  const result = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

/** What was agreed to before, to be added to. */
async function grantOf(provider, { grantId }, accountId, clientId) {
  const former = grantId && (await provider.Grant.find(grantId));
  return former || new provider.Grant({ accountId, clientId });
}

const REFUSING = [
  'grant',
  'authorization',
  'introspection',
  'revocation',
  'userinfo',
  'pushed_authorization_request',
  'device_authorization',
  'registration_create',
  'registration_read',
  'registration_update',
  'registration_delete',
];

/** Why it refuses, which it does not tell the client; never what was presented. */
function tellRefusals(provider) {
  const name = (ctx) => ctx.oidc?.client?.clientId ?? 'an unknown client';
  for (const event of REFUSING) {
    provider.on(`${event}.error`, (ctx, error) => {
      const why = error.error_detail ?? error.error_description;
      console.error(`${event}: refused ${name(ctx)}: ${error.error} (${why})`);
    });
  }
  provider.on('server_error', (ctx, error) => console.error('server error', error));
}
