import { expect, test } from '@jest/globals';
import { redact } from '../../src/telemetry/redaction.ts';

const secret = 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6';
const jwt = `eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiIxMjQifQ.${secret}-_x`;

test.each([
  ['a private key', `key prv_live_${secret}.`, 'key [key].'],
  ['a public key in an address', `/x?k=pub_test_${secret}&a=1`, '/x?k=[key]&a=1'],
  ['a write key in an address', `/v1/projects/wrt_live_${secret}/settings`, '/v1/projects/[key]/settings'],
  ['the beginning of a key', '"prv_test_a1B2"... is not valid JSON', '"[key]"... is not valid JSON'],
  ["a key of Stripe's", `Invalid API Key provided: sk_live_${secret}`, 'Invalid API Key provided: [key]'],
  ['a key that Stripe shortened', 'rk_test_********3kZ9 is wrong', '[key] is wrong'],
  ['the secret of a webhook', `whsec_${secret}== given`, '[secret] given'],
  ['a token', `Bearer: "${jwt}"`, 'Bearer: "[token]"'],
  ['the beginning of a token', `"${jwt.slice(0, 15)}"...`, '"[token]"...'],
  ['a cookie', `kana_console_live=${jwt}; Path=/`, 'kana_console_live=[token]; Path=/'],
  ['basic credentials', 'Authorization: Basic cHJ2X3Rlc3Q6', 'Authorization: Basic [credentials]'],
  [
    'a password in an address',
    'postgresql://kana:pa55@db:5432/kana',
    'postgresql://[credentials]@db:5432/kana',
  ],
  ['an invitation', `at /invitation#inv_${'a'.repeat(43)}`, 'at /invitation#[link]'],
  ['an email', 'Key (id)=(ada.lovelace+1@example.co.uk)', 'Key (id)=([email])'],
  ['an email beyond ASCII', '{"email":"zoë@example.com"}', '{"email":"[email]"}'],
  ['an email in an address', '/users/ada%40example.com', '/users/[email]'],
])('%s is replaced', (_what, text, clean) => {
  expect(redact(text)).toBe(clean);
});

test.each([
  'at listAfter (/srv/kana/node_modules/@prisma/client/src/runtime/RequestHandler.ts:238:13)',
  'column "merged_into" does not exist',
  '{"requestId":"0c3f4c7e-95f8-4c5a-9d3a-6f1f3f1f7a55","path":"/client/graphql","durationMs":1.25}',
])('%s stays', (text) => {
  expect(redact(text)).toBe(text);
});
