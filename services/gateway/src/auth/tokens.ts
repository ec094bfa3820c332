import { SluiceError } from "@sluice/contracts";
import { createRemoteJWKSet, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import { isUuid } from "../http/validate.js";

/** Who a token stands for, by which session, and until when. */
export interface TokenHolder {
  userId: string;
  /** Null in a token that names none: it is good for nothing. */
  sessionId: string | null;
  /** A second factor was given (`aal2`). */
  hasSecondFactor: boolean;
  expiresAt: Date;
}

const skewSeconds = 5;
/** What a bad token looks like; anything else (no key set, no answer) is not the sender's fault. */
const badToken = [
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
];

/**
 * Checks Supabase's tokens without asking Supabase: those signed with HS256 by the shared secret, if there is one, the others by the
 * keys it publishes. Which algorithms go with which key is fixed, whatever a token says of itself.
 */
export function createTokenVerifier(options: {
  supabaseUrl: string;
  secret?: string;
  /** What tokens must name; where it is not given, one that names an issuer must name this Supabase. */
  issuer?: string;
  audience: string;
}): (token: string) => Promise<TokenHolder> {
  const base = options.supabaseUrl.replace(/\/+$/, "");
  const secret = options.secret === undefined ? undefined : new TextEncoder().encode(options.secret);
  const published = createRemoteJWKSet(new URL(`${base}/auth/v1/.well-known/jwks.json`), {
    timeoutDuration: 5_000,
  });
  const checks = {
    audience: options.audience,
    clockTolerance: skewSeconds,
    requiredClaims: ["exp", "sub"],
    ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
  };
  const verify = async (token: string): Promise<JWTPayload> => {
    const { alg } = header(token);
    if (alg !== "HS256") {
      return (await jwtVerify(token, published, { ...checks, algorithms: ["ES256", "RS256"] })).payload;
    }
    if (secret === undefined) throw new SluiceError("unauthenticated");
    return (await jwtVerify(token, secret, { ...checks, algorithms: ["HS256"] })).payload;
  };
  return async (token) => {
    const {
      sub,
      exp,
      iss,
      session_id: session,
      aal,
    } = await verify(token).catch((error: unknown) => {
      if (error instanceof SluiceError) throw error;
      const bad = badToken.some((kind) => error instanceof kind);
      throw new SluiceError(bad ? "unauthenticated" : "database_unavailable", { cause: error });
    });
    if (sub === undefined || exp === undefined || !isUuid(sub)) throw new SluiceError("unauthenticated");
    if (options.issuer === undefined && iss !== undefined && iss !== `${base}/auth/v1`)
      throw new SluiceError("unauthenticated");
    return {
      userId: sub.toLowerCase(),
      sessionId: typeof session === "string" && isUuid(session) ? session.toLowerCase() : null,
      hasSecondFactor: aal === "aal2",
      expiresAt: new Date((exp + skewSeconds) * 1_000),
    };
  };
}

function header(token: string): { alg?: string } {
  try {
    return decodeProtectedHeader(token);
  } catch (cause) {
    throw new SluiceError("unauthenticated", { cause });
  }
}
