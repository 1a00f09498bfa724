/**
 * What no log may hold, and what replaces it. Each pattern has a maximum length, so that no text takes long to
 * match.
 */
const secrets: readonly [RegExp, string][] = [
  [/(prv|pub|wrt)_(test|live)_\w{0,64}/g, '[key]'],
  // Stripe's, also those that Stripe has shortened with asterisks.
  [/\b(sk|rk|pk)_(test|live)_[\w*]{0,255}/g, '[key]'],
  [/\bwhsec_[\w+/=*]{0,255}/g, '[secret]'],
  // Sessions of the console.
  [/ses_(test|live)_[\w-]{0,64}/g, '[session]'],
  // Invitations, and links to set a password.
  [/(inv|pwd)_[\w-]{43}/g, '[link]'],
  // User tokens are JWTs. Their header is JSON in base64, which begins like this.
  [/eyJ[\w-]{4,2048}(\.[\w-]{0,4096}){0,2}/g, '[token]'],
  [/\b(Basic|Bearer)\s+[\w.~+/=-]{8,4096}/gi, '$1 [credentials]'],
  [/\/\/[^\s/@"]{1,256}@/g, '//[credentials]@'],
  [/[^\s"'`<>()[\]{},;:=/\\@]{1,64}(@|%40)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){0,6}\.[a-z]{2,24}/gi, '[email]'],
];

/** The text without keys, tokens, passwords in addresses, and emails. */
export function redact(text: string): string {
  return secrets.reduce((clean, [pattern, place]) => clean.replace(pattern, place), text);
}
