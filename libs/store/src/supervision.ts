import { DocumentEvent, Ledger, QueuedJob, QueueName, type Stage } from "@sluice/contracts";
import { z } from "zod";
import type { Rpc } from "./rpc.js";

const Stranded = QueuedJob.extend({ expired: z.boolean(), dispatchedAt: z.string() });
export type Stranded = z.infer<typeof Stranded>;

const Stats = z.object({
  /** By measure: a queue's name (waiting for it or worked on in it), a final status, `dead/<stage>/<code>` and others. */
  counts: z.record(z.string(), z.number()),
  backlog: z.array(
    z.object({
      queue: z.string(),
      waiting: z.number(),
      oldestSeconds: z.number(),
      oldestInteractiveSeconds: z.number(),
    }),
  ),
  /** Interactive documents that should be searchable by now. */
  overdue: z.number(),
  /** Until the next key that is in use expires. */
  keyExpirySeconds: z.number().nullable(),
  /** Organizations whose ledger is off, and by how many. */
  unbalanced: z.array(z.object({ organizationId: z.uuid(), imbalance: z.number() })),
});
export type Stats = z.infer<typeof Stats>;

/** A circuit breaker that is open; the organization is null where it holds up everybody. */
const Breaker = z.object({
  queue: QueueName,
  organizationId: z.uuid().nullable(),
  cause: z.string(),
  code: z.string(),
  since: z.string(),
  retryAt: z.string().nullable(),
  trips: z.number(),
});
export type StoredBreaker = z.infer<typeof Breaker>;
const Opened = z.array(z.object({ queue: QueueName, organizationId: z.uuid() }));
const JobRef = z.object({ queue: QueueName, ingestionId: z.uuid(), generation: z.number() });
export type StoredJobRef = z.infer<typeof JobRef>;
const Recount = z.object({ looked: z.number(), found: z.number(), finished: z.boolean() });
const Recounted = z.object({
  organizationId: z.uuid(),
  batchId: z.uuid().nullable(),
  off: z.record(z.string(), z.number()),
});
const RecountState = z.object({
  secondsSince: z.number().nullable(),
  findings: z.array(z.object({ organizationId: z.uuid(), finding: z.string(), count: z.number() })),
});

const Heartbeat = z.object({ organizationId: z.uuid(), underWay: z.boolean(), ageSeconds: z.number().nullable() });

const Finding = z.object({ finding: z.string(), ingestionId: z.uuid(), documentId: z.uuid(), at: z.string() });
export type Finding = z.infer<typeof Finding>;

const Event = DocumentEvent.omit({ worker: true }).extend({
  xid: z.string(),
  organizationId: z.uuid(),
  documentId: z.uuid(),
  batchId: z.uuid().nullable(),
  /** Not everybody who may read sees the document. */
  restricted: z.boolean().default(false),
});
export type StoredEvent = z.infer<typeof Event>;
const Events = z.object({ xid: z.string(), id: z.number(), events: z.array(Event) });
/** A place in the order of events: transaction, then row. */
export interface EventCursor {
  xid: string;
  id: number;
}

/** What the supervisor's loops and the event poller need; works across organizations, or on `organizations` where given. */
export function createSupervision(rpc: Rpc) {
  return {
    /** The loop's fencing number while `holder` has the lease; null when somebody else has. */
    acquireLease(name: string, holder: string, ttlMs: number): Promise<number | null> {
      return rpc.call(
        "sluice_acquire_lease",
        { p_name: name, p_holder: holder, p_ttl_ms: ttlMs },
        z.number().nullable(),
      );
    },
    async releaseLease(name: string, holder: string): Promise<void> {
      await rpc.call("sluice_release_lease", { p_name: name, p_holder: holder }, z.unknown());
    },
    dispatch(limit: number, window: number, organizations?: string[]): Promise<QueuedJob[]> {
      return rpc.call(
        "sluice_dispatch",
        { p_limit: limit, p_window: window, p_organizations: organizations ?? null },
        z.array(QueuedJob),
      );
    },
    stranded(
      graceMs: number,
      after: { dispatchedAt: string; ingestionId: string } | null,
      limit: number,
      organizations?: string[],
    ): Promise<Stranded[]> {
      return rpc.call(
        "sluice_stranded",
        {
          p_grace_ms: graceMs,
          p_after_at: after?.dispatchedAt ?? null,
          p_after_id: after?.ingestionId ?? null,
          p_limit: limit,
          p_organizations: organizations ?? null,
        },
        z.array(Stranded),
      );
    },
    /** The next step of the walk over what is in flight and nobody holds; the database remembers where it is. */
    nextStranded(graceMs: number, limit: number): Promise<{ jobs: Stranded[]; more: boolean }> {
      return rpc.call(
        "sluice_next_stranded",
        { p_grace_ms: graceMs, p_limit: limit },
        z.object({ jobs: z.array(Stranded), more: z.boolean() }),
      );
    },
    requeue(jobs: Omit<QueuedJob, "rank">[], maxDeaths: number): Promise<QueuedJob[]> {
      const items = jobs.map(({ organizationId, ingestionId, generation, queue }) => ({
        organizationId,
        ingestionId,
        generation,
        queue,
      }));
      return rpc.call("sluice_requeue", { p_items: items, p_max_deaths: maxDeaths }, z.array(QueuedJob));
    },
    sweepParts(limit: number): Promise<number> {
      return rpc.call("sluice_sweep_parts", { p_limit: limit }, z.number());
    },
    /** Stored objects that deletions still owe. */
    objectsToErase(limit: number): Promise<string[]> {
      return rpc.call("sluice_objects_to_erase", { p_limit: limit }, z.array(z.string()));
    },
    /** The next step of a walk over all stored objects: those of them that nothing refers to. */
    orphanedObjects(graceMs: number, limit: number): Promise<{ paths: string[]; more: boolean }> {
      return rpc.call(
        "sluice_orphaned_objects",
        { p_grace_ms: graceMs, p_limit: limit },
        z.object({ paths: z.array(z.string()), more: z.boolean() }),
      );
    },
    /** Works out what documents stand as, where that may have changed; answers how many it looked at. */
    settleStandings(limit: number): Promise<number> {
      return rpc.call("sluice_settle_standings", { p_limit: limit }, z.number());
    },
    /** Folds changes into the tallies; answers how many. */
    foldTallies(limit: number): Promise<number> {
      return rpc.call("sluice_fold_tallies", { p_limit: limit }, z.number());
    },
    cancelStep(limit: number): Promise<number> {
      return rpc.call("sluice_cancel_step", { p_limit: limit }, z.number());
    },
    /** Jobs that Redis holds and nobody waits for. */
    obsoleteJobs(jobs: StoredJobRef[]): Promise<StoredJobRef[]> {
      return rpc.call("sluice_obsolete_jobs", { p_items: jobs }, z.array(JobRef));
    },
    /** The open circuit breakers. */
    breakers(): Promise<StoredBreaker[]> {
      return rpc.call("sluice_breakers", {}, z.array(Breaker));
    },
    /** Pauses stages where too many of the last tries failed; answers what it paused. The zero id is everybody. */
    watchFailures(watch: {
      windowMs: number;
      share: number;
      least: number;
      permanent: string[];
      queues: Record<Stage, QueueName[]>;
    }) {
      return rpc.call(
        "sluice_watch_failures",
        {
          p_window_ms: watch.windowMs,
          p_share: watch.share,
          p_least: watch.least,
          p_permanent: watch.permanent,
          p_queues: watch.queues,
        },
        Opened,
      );
    },
    /** One step of the walk that holds every acceptance against its ingestion. */
    recountStep(limit: number) {
      return rpc.call("sluice_recount_step", { p_limit: limit }, Recount);
    },
    /** Holds one batch's tallies against its rows, and puts them right; null at the end of a round. */
    recountTallies() {
      return rpc.call("sluice_recount_tallies", {}, Recounted.nullable());
    },
    recountState() {
      return rpc.call("sluice_recount_state", {}, RecountState);
    },
    async expireRequests(): Promise<void> {
      await rpc.call("sluice_expire_idempotency_keys", {}, z.unknown());
    },
    stats(): Promise<Stats> {
      return rpc.call("sluice_stats", {}, Stats);
    },
    /** `ageSeconds`: since the newest heartbeat that came through was sent; null before the first. */
    heartbeat() {
      return rpc.call("sluice_heartbeat", {}, Heartbeat);
    },
    /** Sends the next heartbeat, of a stored object; null while the one before is under way. */
    beat(upload: { objectPath: string; contentHash: string; byteLength: number }): Promise<QueuedJob | null> {
      const { objectPath, contentHash, byteLength } = upload;
      return rpc.call(
        "sluice_beat",
        { p_object_path: objectPath, p_content_hash: contentHash, p_byte_length: byteLength },
        QueuedJob.nullable(),
      );
    },
    ledger(organizationId: string, batchId?: string): Promise<Ledger> {
      return rpc.call("sluice_ledger", { p_organization: organizationId, p_batch: batchId ?? null }, Ledger);
    },
    checkLedger(organizationId: string, limit = 100): Promise<Finding[]> {
      return rpc.call("sluice_ledger_check", { p_organization: organizationId, p_limit: limit }, z.array(Finding));
    },
    /** Events after the cursor, in an order that nothing can appear in behind it; a null cursor answers where now is. */
    eventsSince(cursor: EventCursor | null, limit = 500): Promise<EventCursor & { events: StoredEvent[] }> {
      return rpc.call(
        "sluice_events_since",
        { p_xid: cursor?.xid ?? null, p_id: cursor?.id ?? null, p_limit: limit },
        Events,
      );
    },
  };
}
