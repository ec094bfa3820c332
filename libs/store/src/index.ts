/** Postgres and Storage behind Supabase: the truth. Everything goes through functions that name the organization. */
import { z } from "zod";
import { createAccess } from "./access.js";
import { createAccounts } from "./accounts.js";
import { createApiKeys } from "./api-keys.js";
import { createAudit } from "./audit.js";
import { createIntake } from "./intake.js";
import { createMembers } from "./members.js";
import { createObjects } from "./objects.js";
import { createOperations } from "./operations.js";
import { createReading } from "./reading.js";
import { createReindexes } from "./reindexes.js";
import { createRpc, type StoreOptions } from "./rpc.js";
import { createSessions } from "./sessions.js";
import { createSupervision } from "./supervision.js";
import { createTenancy } from "./tenancy.js";
import { createUsage } from "./usage.js";
import { createVectorIndexes } from "./vector-indexes.js";
import { createVectors } from "./vectors.js";
import { createWebhooks } from "./webhooks.js";
import { createWork } from "./work.js";

export function createStore(options: StoreOptions) {
  const rpc = createRpc(options);
  const [intake, objects] = [createIntake(rpc), createObjects(rpc, options.objectsFolder)];
  return {
    tenancy: createTenancy(rpc),
    apiKeys: createApiKeys(rpc),
    accounts: createAccounts(options),
    sessions: createSessions(rpc),
    members: createMembers(rpc),
    access: createAccess(rpc),
    intake,
    work: createWork(rpc),
    vectors: createVectors(rpc),
    usage: createUsage(rpc),
    reindexes: createReindexes(rpc),
    reading: createReading(rpc),
    operations: createOperations(rpc),
    audit: createAudit(rpc),
    webhooks: createWebhooks(rpc),
    supervision: createSupervision(rpc),
    vectorIndexes: createVectorIndexes(rpc),
    objects,
    /** Erases stored objects. Storage first: were the debt struck off first, a crash in between would keep an object for ever. */
    async erase(paths: string[]): Promise<void> {
      await objects.remove(paths);
      await intake.erased(paths);
    },
    /** True when the database answers. */
    async ready(): Promise<boolean> {
      return rpc.call("sluice_list_organizations", { p_after: null, p_limit: 1 }, z.unknown()).then(
        () => true,
        () => false,
      );
    },
  };
}
export type Store = ReturnType<typeof createStore>;

export { allScopes, type ScopeName } from "@sluice/contracts";
export { type Accounts, createAccounts, type Granted } from "./accounts.js";
export type { TimeCursor } from "./answers.js";
export type { KeyHolder } from "./api-keys.js";
export { type Anchor, type ChainHead, type ChainKeys, chainKeys, chainStart, readAnchors } from "./audit-chain.js";
export { type AuditVerdict, verifyAudit } from "./audit-verify.js";
export type { Caller, Scope } from "./caller.js";
export { storeConfig } from "./config.js";
export type { Acceptance, StoredUpload } from "./intake.js";
export { applyMigrations, migrationsFolder, type SqlRunner } from "./migrations.js";
export { objectFile } from "./objects.js";
export type { Load } from "./operations.js";
export { connectPostgres } from "./postgres.js";
export type { DerivedKind, FoundHit } from "./reading.js";
export type { ReindexSlice } from "./reindexes.js";
export type { Counted, Origin } from "./sessions.js";
export type { EventCursor, Finding, Stats, StoredEvent, Stranded } from "./supervision.js";
export type { Organization } from "./tenancy.js";
export { buildVectorIndex, indexPays, type VectorIndex } from "./vector-indexes.js";
export { type KeyedChunk, textKey } from "./vectors.js";
export type { DueDelivery } from "./webhooks.js";
export {
  type Begun,
  type Chunk,
  type ChunkToEmbed,
  type ChunkVector,
  type Held,
  type Sealed,
  type SectionToChunk,
  type StoredChild,
  type Task,
  vectorText,
} from "./work.js";
