import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify, SignJWT } from 'jose';

const bytesOf = (secret: string) => new TextEncoder().encode(secret);

/** Returns a JWT with these claims, signed with the secret. */
export function sign(claims: JWTPayload, header: JWTHeaderParameters, secret: string): Promise<string> {
  return new SignJWT(claims).setProtectedHeader(header).sign(bytesOf(secret));
}

/** What verifyToken requires of a token. */
export interface Expected {
  algorithm: string;
  audience: string;
  /** Without it, every issuer is accepted. */
  issuer?: string;
  requiredClaims: string[];
}

/** Returns the claims of a token that one of these secrets signed and that is valid now, else null. */
export async function verifyToken(
  token: string,
  secrets: readonly string[],
  { algorithm, ...expected }: Expected,
  now: Date,
): Promise<JWTPayload | null> {
  const options = { ...expected, algorithms: [algorithm], currentDate: now };
  for (const secret of secrets) {
    try {
      return (await jwtVerify(token, bytesOf(secret), options)).payload;
    } catch (error) {
      nullIfInvalid(error);
    }
  }
  return null;
}

/** Returns null for an error about the token. Rethrows any other error. */
export function nullIfInvalid(error: unknown): null {
  if (error instanceof errors.JOSEError) return null;
  throw error;
}
