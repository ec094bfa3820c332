import { z } from "zod";
import { cursor, time } from "./fields.js";

/** What a credential can be allowed. */
export const allScopes = ["documents:read", "documents:write", "documents:delete", "search", "admin"] as const;
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
