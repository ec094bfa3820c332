import {
  DeadLetter,
  type DeadLetterFilter,
  type Document,
  describeCode,
  Queue,
  type QueueName,
  Waits,
} from "@sluice/contracts";
import { z } from "zod";
import { before, DocumentRow, listOf, ok, refused, type TimeCursor, toDocument } from "./answers.js";
import { type Scope, scoped } from "./caller.js";
import type { Rpc } from "./rpc.js";

const DeadLetterRow = DeadLetter.omit({ title: true, advice: true });
const Decided = z.union([
  z.object({ outcome: z.literal("ok"), count: z.number(), left: z.number(), more: z.boolean() }),
  refused,
]);
const Load = z.object({ waiting: z.number(), oldestSeconds: z.number() });
/** Documents that wait or are worked on, and how long the oldest in the backlog has waited; what somebody paused is not old. */
export type Load = z.infer<typeof Load>;

/** What people who run it look at and decide: dead letters, queues, and why a document is where it is. */
export function createOperations(rpc: Rpc) {
  return {
    /** Newest first. */
    async deadLetters(scope: Scope, filter: DeadLetterFilter, cursor: TimeCursor | null, limit: number) {
      const { items } = ok(
        await rpc.call(
          "sluice_dead_letters",
          { ...scoped(scope), p_filter: filter, ...before(cursor), p_limit: limit },
          listOf(DeadLetterRow),
        ),
      );
      const last = items.at(-1);
      return {
        items: items.map(
          (row): DeadLetter => ({ ...row, title: describeCode(row.code).title, advice: describeCode(row.code).advice }),
        ),
        next: items.length < limit || last === undefined ? null : { at: last.lastSeen, id: last.ingestionId },
      };
    },
    /** Replays or discards those named, or those that pass the filter and are no poison; a filter is called again while `more`. */
    async decide(
      scope: Scope,
      decision: "replay" | "discard",
      what: { ids: string[] } | { filter: DeadLetterFilter },
      options: { reason?: string; limit: number },
    ) {
      const { count, left, more } = ok(
        await rpc.call(
          "sluice_decide_dead_letters",
          {
            ...scoped(scope),
            p_decision: decision,
            p_ids: "ids" in what ? what.ids : null,
            p_filter: "filter" in what ? what.filter : {},
            p_reason: options.reason ?? null,
            p_limit: options.limit,
          },
          Decided,
        ),
      );
      return { count, left, more };
    },
    /** Where a document is, and what it waits for. */
    async why(scope: Scope, documentId: string): Promise<{ document: Document; waits: Waits }> {
      const answer = z.union([z.object({ outcome: z.literal("ok"), document: DocumentRow, waits: Waits }), refused]);
      const { document, waits } = ok(
        await rpc.call("sluice_why", { ...scoped(scope), p_document: documentId }, answer),
      );
      return { document: toDocument(document), waits };
    },
    async queues(scope: Scope): Promise<Queue[]> {
      return ok(await rpc.call("sluice_queues", scoped(scope), listOf(Queue))).items;
    },
    /** Holds the organization's queues, or lets them go on. */
    async pauseQueues(scope: Scope, queues: QueueName[], paused: boolean): Promise<void> {
      ok(
        await rpc.call(
          "sluice_pause_queues",
          { ...scoped(scope), p_queues: queues, p_paused: paused },
          z.union([z.object({ outcome: z.literal("ok") }), refused]),
        ),
      );
    },
    /** What waits, of an organization and of all together. */
    load(organizationId: string): Promise<{ organization: Load; all: Load }> {
      return rpc.call("sluice_load", { p_organization: organizationId }, z.object({ organization: Load, all: Load }));
    },
  };
}
