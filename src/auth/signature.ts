import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify, SignJWT } from 'jose';

const bytesOf = (secret: string) => new TextEncoder().encode(secret);

/** A token that says this, signed with the secret. */
export function sign(claims: JWTPayload, header: JWTHeaderParameters, secret: string): Promise<string> {
  return new SignJWT(claims).setProtectedHeader(header).sign(bytesOf(secret));
}

/** What a token has to be, besides signed. */
export interface Expected {
  algorithm: string;
  audience: string;
  /** Without one, whoever holds the secret. */
  issuer?: string;
  requiredClaims: string[];
}

/** What the token says, if one of these secrets signed it, it is what is expected, and it is good now; else null. */
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
      refusal(error);
    }
  }
  return null;
}

/** Null, if the error is about the token; anything else is a fault of ours, and thrown. */
export function refusal(error: unknown): null {
  if (error instanceof errors.JOSEError) return null;
  throw error;
}
