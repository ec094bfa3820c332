import type { createAudit } from "./audit.js";
import { type Anchor, type ChainHead, type ChainKeys, chainStart } from "./audit-chain.js";

/** What is wrong with the audit, and where. */
export interface AuditFinding {
  finding: /** The entry, or its link, is not what was sealed: changed, or moved to another place. */
    | "altered"
    /** What was sealed there is gone: the entry, its link, or both. */
    | "removed"
    /** An entry that does not wait for a seal and has none, or that says an earlier time than those before it. */
    | "inserted"
    /** It waits for its seal for a minute and longer: no supervisor leads, it has no key, or it has stopped at a broken chain. */
    | "unsealed"
    /** The chain ends before an anchor that was taken of it. */
    | "cut_off"
    /** The chain does not lead through an anchor. */
    | "anchor_unknown"
    /** An anchor that this key did not sign. */
    | "anchor_forged";
  seq: number | null;
  entryId: number | null;
}

export interface AuditVerdict {
  links: number;
  /** Written moments ago, sealed soon. */
  waiting: number;
  anchors: number;
  findings: AuditFinding[];
}

const page = 500;
/** An entry is sealed within five seconds where all is well. */
const sealedWithinSeconds = 60;
/** Entries are sealed in the order of their ids, and a transaction does not last longer. */
const disorderMicros = 600_000_000;
const mostFindings = 1_000;

/** Walks the whole chain, recomputes every link, and holds it against the anchors. Reads only. */
export async function verifyAudit(
  audit: Pick<ReturnType<typeof createAudit>, "chain" | "loose">,
  keys: ChainKeys,
  anchors: readonly Anchor[],
): Promise<AuditVerdict> {
  const findings: AuditFinding[] = [];
  const found = (finding: AuditFinding["finding"], seq: number | null, entryId: number | null) => {
    if (findings.length < mostFindings) findings.push({ finding, seq, entryId });
  };
  const wanted = new Map<number, Anchor[]>();
  for (const anchor of anchors) {
    if (keys.signed(anchor)) wanted.set(anchor.seq, [...(wanted.get(anchor.seq) ?? []), anchor]);
    else found("anchor_forged", anchor.seq, null);
  }

  let head: ChainHead = chainStart;
  let links = 0;
  let latest = 0;
  // Asked first: what is sealed while the chain is read is in neither, or in the chain.
  const loose = await looseEntries(audit);
  for (let part = await audit.chain(0, page); part.length > 0; part = await audit.chain(head.seq, page)) {
    for (const { seq, mac, entryId, body } of part) {
      for (let missing = head.seq + 1; missing < seq && findings.length < mostFindings; missing++)
        found("removed", missing, null);
      if (body === null) found("removed", seq, entryId);
      else {
        // Behind a gap nothing is known of the link before, and so nothing of this one; the gap is found anyway.
        if (head.seq === seq - 1 && keys.link(head, body).mac !== mac) found("altered", seq, entryId);
        const at = timeOf(body);
        if (at < latest - disorderMicros) found("inserted", seq, entryId);
        latest = Math.max(latest, at);
      }
      if ((wanted.get(seq) ?? []).some((anchor) => anchor.mac !== mac)) found("anchor_unknown", seq, entryId);
      head = { seq, mac };
      links += 1;
    }
  }
  for (const seq of wanted.keys()) if (seq > head.seq) found("cut_off", seq, null);
  let waiting = 0;
  for (const { id, seconds, waits } of loose) {
    if (!waits) found("inserted", null, id);
    else if (seconds < sealedWithinSeconds) waiting += 1;
    else found("unsealed", null, id);
  }
  return { links, waiting, anchors: anchors.length, findings };
}

async function looseEntries(audit: Pick<ReturnType<typeof createAudit>, "loose">) {
  const all: Awaited<ReturnType<typeof audit.loose>> = [];
  for (let entries = await audit.loose(0, page); entries.length > 0; ) {
    all.push(...entries);
    if (all.length >= mostFindings) break;
    entries = await audit.loose(entries.at(-1)?.id ?? 0, page);
  }
  return all;
}

/** When an entry says it was written, in microseconds; see `sluice.audit_body`. */
function timeOf(body: string): number {
  const [, , at] = JSON.parse(body) as unknown[];
  return typeof at === "number" ? at : 0;
}
