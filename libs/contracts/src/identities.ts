import { z } from "zod";
import { cursor, time } from "./fields.js";

/** What a credential can be allowed. */
export const allScopes = [
  "documents:read",
  "documents:write",
  "documents:delete",
  "search",
  "admin",
  "audit:read",
] as const;
export const ScopeName = z.enum(allScopes);
export type ScopeName = z.infer<typeof ScopeName>;

const Actor = z.object({ kind: z.enum(["api_key", "user"]), id: z.uuid() });
const name = z.string().trim().min(1).max(200);

export const ApiKey = z.object({
  id: z.uuid(),
  name: z.string(),
  prefix: z.string().describe("How the key begins, to recognise it by"),
  scopes: z.array(z.string()),
  createdAt: time,
  createdBy: Actor.nullable().describe("Null: the operator of the service"),
  expiresAt: time.nullable(),
  revokedAt: time.nullable(),
  lastUsedAt: time.nullable().describe("To the minute"),
  live: z.boolean().describe("Neither revoked nor expired"),
});
export type ApiKey = z.infer<typeof ApiKey>;
export const CreatedApiKey = ApiKey.extend({ key: z.string().describe("Shown this once; only a hash is stored") });
export const NewApiKey = z.strictObject({
  name,
  scopes: z.array(ScopeName).min(1).max(allScopes.length).describe("Some of what the maker may do itself"),
  expiresAt: z.iso
    .datetime({ offset: true })
    .refine((at) => Date.parse(at) > Date.now(), "must be to come")
    .optional()
    .describe("Never, unless given"),
});
export type NewApiKey = z.infer<typeof NewApiKey>;

/** Lists of people and keys, by time. */
export const PageQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(50), cursor });

// ── People ──────────────────────────────────────────────────────────────────────────────────────────────────

const email = z.email().max(254).toLowerCase();
/** bcrypt, which Supabase uses, reads 72 bytes and no more. */
const newPassword = z
  .string()
  .min(12)
  .refine((text) => new TextEncoder().encode(text).length <= 72, "must be at most 72 bytes");
const password = z.string().min(1).max(1_000);
/** What a mail from Supabase gave: the hash in its link, or its code with the address it went to. */
const mailed = {
  tokenHash: z.string().min(1).max(500).optional(),
  email: email.optional(),
  code: z.string().min(4).max(20).optional(),
};
const isMailed = (given: { tokenHash?: string; email?: string; code?: string }) =>
  given.tokenHash === undefined
    ? given.email !== undefined && given.code !== undefined
    : given.email === undefined && given.code === undefined;
const mailedMessage = "Give tokenHash, or email and code";

export const SignUp = z.strictObject({ email, password: newPassword });
export const LogIn = z.strictObject({ email, password });
export const Refresh = z.strictObject({ refreshToken: z.string().min(1).max(2_000) });
export const LogOut = z.strictObject({ which: z.enum(["this", "others", "all"]).default("this") });
export const Recover = z.strictObject({ email });
export const ResetPassword = z.strictObject({ ...mailed, password: newPassword }).refine(isMailed, mailedMessage);
export const Confirm = z
  .strictObject({ type: z.enum(["signup", "email_change"]), ...mailed })
  .refine(isMailed, mailedMessage);
export const ChangePassword = z.strictObject({ password, newPassword });
export const ChangeEmail = z.strictObject({ password, email });
export const Tokens = z.object({
  accessToken: z.string().describe("For `Authorization: Bearer`"),
  refreshToken: z.string().describe("For POST /v1/auth/refresh, once"),
  expiresIn: z.number().describe("Of the access token, in seconds; the session may end before"),
  sessionId: z.uuid(),
});
export const PersonSession = z.object({
  id: z.uuid(),
  createdAt: time,
  lastSeenAt: time,
  endsAt: time.describe("Unless it is used before"),
  address: z.string().nullable(),
});
export type PersonSession = z.infer<typeof PersonSession>;
export const Factor = z.object({ id: z.string(), status: z.string(), type: z.string(), name: z.string().nullable() });
export const NewFactor = z.strictObject({ name: name.optional() });
export const CreatedFactor = z.object({
  id: z.string(),
  secret: z.string().describe("For an authenticator app; shown this once"),
  uri: z.string().describe("The same as otpauth://"),
});
export const FactorCode = z.strictObject({ code: z.string().regex(/^\d{6,8}$/, "must be the digits of a code") });

// ── Members ─────────────────────────────────────────────────────────────────────────────────────────────────

export const roles = ["owner", "admin", "member", "viewer", "auditor"] as const;
export const Role = z.enum(roles);
export type Role = z.infer<typeof Role>;
/** What a role may do: the same as sluice.role_scopes in SQL, which decides. Beyond it, only owners make and unmake owners. */
export const roleScopes: Record<Role, readonly ScopeName[]> = {
  owner: allScopes,
  admin: ["documents:read", "documents:write", "documents:delete", "search", "admin"],
  member: ["documents:read", "documents:write", "search"],
  viewer: ["documents:read", "search"],
  auditor: ["audit:read"],
};

export const OwnOrganization = z.object({ id: z.uuid(), name: z.string(), role: Role });
export const Member = z.object({ id: z.uuid(), email: z.string().nullable(), role: Role, createdAt: time });
export type Member = z.infer<typeof Member>;
export const ChangeMember = z.strictObject({ role: Role });
export const Invitation = z.object({
  id: z.uuid(),
  email: z.string(),
  role: Role,
  createdAt: time,
  expiresAt: time,
  state: z.enum(["open", "accepted", "revoked", "expired"]),
});
export type Invitation = z.infer<typeof Invitation>;
export const NewInvitation = z.strictObject({
  email,
  role: Role,
  days: z.number().int().min(1).max(30).default(7).describe("How long it can be accepted"),
});
export const CreatedInvitation = Invitation.extend({
  token: z.string().describe("What accepts it; shown this once. Sluice sends no mail: hand it over yourself"),
});
export const AcceptInvitation = z.strictObject({ token: z.string().min(1).max(200) });
export const AcceptedInvitation = z.object({ organizationId: z.uuid(), role: Role });

// ── Access lists ────────────────────────────────────────────────────────────────────────────────────────────

export const DocumentAccess = z.object({
  restricted: z.boolean(),
  through: z.uuid().nullable().describe("The document it was found in, whose list is its own"),
  subjects: z.array(Actor).describe("Who sees it, beside owners; empty where it is not restricted"),
});
export type DocumentAccess = z.infer<typeof DocumentAccess>;
/** Null lifts the restriction; an empty list leaves the owners. */
export const RestrictDocument = z.strictObject({
  subjects: z
    .array(z.strictObject({ kind: z.enum(["api_key", "user"]), id: z.uuid() }))
    .max(500)
    .nullable(),
});
