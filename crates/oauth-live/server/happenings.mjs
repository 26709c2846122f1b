// What would take too long to happen by itself: a trial says that it has happened.

import crypto from 'node:crypto';

import initializeKeys from 'oidc-provider/lib/helpers/initialize_keystore.js';

/** Whether there was anything of that name; the parameters say of what. */
export async function happen(provider, name, parameters) {
  const happening = happenings[name];
  await happening?.(provider, parameters);
  return happening !== undefined;
}

const happenings = {
  'minute-passed': letAMinutePass,
  'key-replaced': replaceKey,
  'device-code-ended': endDeviceCode,
};

/**
 * What a jwks_uri brought counts for a minute at least, whatever its Cache-Control says, and is looked
 * at again only where a key is not among it. So a trial would wait that long; instead it says that the
 * minute has passed, for its own client.
 */
async function letAMinutePass(provider, parameters) {
  const client = await provider.Client.find(parameters.get('client_id'));
  client.asymmetricKeyStore.freshUntil = 0;
}

/** The keys of what it signs: ID tokens, access tokens that are JWTs, authorization responses. */
const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const lasting = [
  jwk(rsa, { kid: 'provider-rsa', use: 'sig', alg: 'RS256' }),
  jwk(ec('P-256'), { kid: 'provider-ec', use: 'sig', alg: 'ES256' }),
];
let number = 0;

/** All of them; that of ES384 is a new one each time. */
export function signingKeys() {
  number += 1;
  const replaced = jwk(ec('P-384'), { kid: `provider-${number}`, use: 'sig', alg: 'ES384' });
  return [...lasting, replaced];
}

function ec(namedCurve) {
  return crypto.generateKeyPairSync('ec', { namedCurve });
}

function jwk({ privateKey }, more) {
  return { ...privateKey.export({ format: 'jwk' }), ...more };
}

/** Those who deploy it would start it anew; the clients of one trial alone have what this key signs. */
function replaceKey(provider) {
  initializeKeys.call(provider, { keys: signingKeys() });
}

async function endDeviceCode(provider, parameters) {
  const userCode = parameters.get('user_code').replace('-', '');
  const code = await provider.DeviceCode.findByUserCode(userCode);
  const stored = await code.adapter.find(code.jti);
  stored.exp = stored.iat;
}
