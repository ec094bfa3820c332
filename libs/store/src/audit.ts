import { AuditEntry, type AuditQuery } from "@sluice/contracts";
import { z } from "zod";
import { listOf, ok } from "./answers.js";
import { hashKey } from "./api-keys.js";
import type { ChainHead } from "./audit-chain.js";
import { type Caller, type Scope, scoped } from "./caller.js";
import type { Rpc } from "./rpc.js";

const Head = z.object({ seq: z.number(), mac: z.string() });
const Unsealed = z.object({
  head: Head,
  knownMac: z.string().nullable(),
  oldestSeconds: z.number(),
  items: z.array(z.object({ id: z.number(), body: z.string() })),
});
const Sealing = z.union([
  z.object({ outcome: z.literal("ok"), seq: z.number() }),
  z.object({ outcome: z.literal("moved") }),
]);
const Link = Head.extend({ entryId: z.number(), body: z.string().nullable() });
const Loose = z.object({ id: z.number(), seconds: z.number(), waits: z.boolean() });
export type AuditLink = z.infer<typeof Link>;

/** Who did what to what: reading it, and the chain that shows whether it is still what was written. */
export function createAudit(rpc: Rpc) {
  return {
    /** Newest first; `next` is the place of the page's end. */
    async read(
      scope: Scope,
      filter: Omit<AuditQuery, "limit" | "cursor">,
      before: number | null,
      limit: number,
    ): Promise<{ items: AuditEntry[]; next: number | null }> {
      const { items } = ok(
        await rpc.call(
          "sluice_audit",
          { ...scoped(scope), p_filter: filter, p_before: before, p_limit: limit },
          listOf(AuditEntry),
        ),
      );
      return { items, next: items.length === limit ? (items.at(-1)?.id ?? null) : null };
    },
    /** Writes down what the gateway refused before asking the database anything. `action`: method and route. */
    async noteRefusal(scope: Scope, action: string, ids: string[]): Promise<void> {
      await rpc.call("sluice_note_refusal", { ...scoped(scope), p_action: action, p_ids: ids }, z.unknown());
    },
    /** Writes down a credential that was refused; a key that was good once is known by its hash. */
    async noteStranger(from: Pick<Caller, "requestId" | "address">, action: string, key: string | null): Promise<void> {
      const hash = key === null ? null : hashKey(key);
      await rpc.call("sluice_note_stranger", { p_hash: hash, p_from: { ...from }, p_action: action }, z.unknown());
    },
    unsealed(knownSeq: number, limit: number) {
      return rpc.call("sluice_audit_unsealed", { p_known_seq: knownSeq, p_limit: limit }, Unsealed);
    },
    /** Appends links behind `head`; `moved` where the chain ends elsewhere by now. */
    seal(head: ChainHead, seals: { id: number; mac: string }[]) {
      return rpc.call("sluice_seal_audit", { p_seq: head.seq, p_mac: head.mac, p_seals: seals }, Sealing);
    },
    chain(after: number, limit: number): Promise<AuditLink[]> {
      return rpc.call("sluice_audit_chain", { p_after: after, p_limit: limit }, z.array(Link));
    },
    loose(after: number, limit: number) {
      return rpc.call("sluice_audit_loose", { p_after: after, p_limit: limit }, z.array(Loose));
    },
  };
}
