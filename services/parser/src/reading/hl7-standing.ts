import type { DocumentStatus, Header, Identifier, Relation } from "@sluice/contracts";
import { oidUri } from "./codes.js";
import { components, type Message, type Segment } from "./hl7-message.js";

type Standing = Required<Pick<Header, "identifiers" | "relations">> & { status: DocumentStatus | null };

/** What a message is among its like: its numbers, how far it is, and what it does to those before it. */
export function hl7Standing(message: Message): Standing {
  const [type = "", event = ""] = field(message, segment(message, "MSH"), 9) ?? [];
  const txa = segment(message, "TXA");
  if (type === "MDM" && txa) return documentStanding(message, txa, event);
  if (type === "ORU" || type === "OUL") return resultStanding(message);
  return { identifiers: [], relations: [], status: null };
}

/** TXA-17 */
const completion: Record<string, DocumentStatus["value"]> = {
  DI: "preliminary",
  DO: "preliminary",
  IN: "preliminary",
  IP: "preliminary",
  PA: "preliminary",
  AU: "final",
  LA: "final",
};

function documentStanding(message: Message, txa: Segment, event: string): Standing {
  const own = entity(message, txa, 12, "");
  const parent = entity(message, txa, 13, "");
  const [availability, stage] = [code(message, txa, 19), code(message, txa, 17)];
  const does = (kind: Relation["kind"], target: Identifier | null, source: string) =>
    target ? [{ kind, target, source }] : [];
  const other = same(own, parent) ? null : parent;
  const relations = (): Relation[] => {
    if (event === "T11") return does("cancels", own ?? parent, own ? "TXA-12" : "TXA-13");
    if (availability === "CA") return does("cancels", own, "TXA-12");
    if (event === "T05" || event === "T06") return does("appends", other, "TXA-13");
    if (event === "T09" || event === "T10")
      return [...does("replaces", other, "TXA-13"), ...does("replaces", own, "TXA-12")];
    // An edit comes with its text; one that is only announced must not take the text away.
    if (event === "T08") return [...does("replaces", own, "TXA-12"), ...does("corrects", other, "TXA-13")];
    return event === "T04" ? does("replaces", own, "TXA-12") : [];
  };
  return { identifiers: own ? [own] : [], relations: relations(), status: documentStatus(event, availability, stage) };
}

function documentStatus(event: string, availability: string, stage: string): DocumentStatus | null {
  const byEvent: Record<string, DocumentStatus["value"]> = {
    T01: "original",
    T02: "original",
    T05: "appended",
    T06: "appended",
    T07: "corrected",
    T08: "corrected",
    T09: "corrected",
    T10: "corrected",
  };
  if (event === "T11") return { value: "cancelled", source: event };
  if (availability === "CA") return { value: "cancelled", source: availability };
  if (availability === "OB") return { value: "superseded", source: availability };
  const [known, done] = [byEvent[event], completion[stage]];
  if (known && known !== "original") return { value: known, source: event };
  if (done) return { value: done, source: stage };
  return known ? { value: known, source: event } : null;
}

/** An order of a message and what was observed for it. */
interface Order {
  obr: Segment;
  orc: Segment | undefined;
  source: string;
  /** OBX-11 of each. */
  statuses: string[];
}

function orders(message: Message): Order[] {
  const found: Order[] = [];
  let orc: Segment | undefined;
  for (const each of message.segments) {
    if (each.name === "ORC") orc = each;
    else if (each.name === "OBR") {
      found.push({ obr: each, orc, source: `OBR[${found.length + 1}]`, statuses: [] });
      orc = undefined;
    } else if (each.name === "OBX") found.at(-1)?.statuses.push(code(message, each, 11));
  }
  return found;
}

const isWithdrawn = (status: string) => status === "D" || status === "W";

/** More than a header keeps, which then says that something is left out. */
const maxOrders = 300;

function resultStanding(message: Message): Standing {
  const found = orders(message);
  const identifiers: Identifier[] = [];
  const relations: Relation[] = [];
  for (const { obr, orc, source, statuses } of found.slice(0, maxOrders)) {
    const filler = entity(message, obr, 3, "") ?? entity(message, orc, 3, "");
    const placer = entity(message, obr, 2, "#placer") ?? entity(message, orc, 2, "#placer");
    for (const each of [filler, placer]) if (each) identifiers.push(each);
    // One order of a placer may have several reports; the filler's number is the report's.
    const [target, at] = filler ? [filler, 3] : [placer, 2];
    const kind = change(code(message, obr, 25), statuses);
    if (target && kind) relations.push({ kind, target, source: `${source}-${at}` });
  }
  return { identifiers, relations, status: resultStatus(message, found) };
}

/** What an order's results do to those that were sent for it before. */
function change(order: string, statuses: string[]): Relation["kind"] | null {
  if (statuses.length > 0 && statuses.every(isWithdrawn)) return "withdraws";
  if (order === "X" && statuses.every((status) => status === "X" || isWithdrawn(status))) return "cancels";
  return order === "C" || statuses.some((status) => status === "C" || isWithdrawn(status)) ? "corrects" : null;
}

function resultStatus(message: Message, found: Order[]): DocumentStatus | null {
  if (found.length === 0) return null;
  const changes = found.map(({ obr, statuses }) => change(code(message, obr, 25), statuses));
  if (changes.every((each) => each === "withdraws")) return { value: "entered_in_error", source: "OBX-11" };
  if (changes.every((each) => each === "cancels")) return { value: "cancelled", source: "X" };
  if (changes.some(Boolean)) return { value: "corrected", source: "C" };
  const stages = found.flatMap(({ obr, statuses }) => {
    const own = code(message, obr, 25);
    return own ? [own] : statuses.filter(Boolean);
  });
  const early = stages.find((stage) => ["P", "A", "R", "I", "S"].includes(stage));
  if (early) return { value: "preliminary", source: early };
  return stages.length > 0 && stages.every((stage) => stage === "F") ? { value: "final", source: "F" } : null;
}

function segment(message: Message, name: string): Segment | undefined {
  return message.segments.find((each) => each.name === name);
}

function field(message: Message, of: Segment | undefined, index: number): string[] | undefined {
  return components(message, of?.fields[index])[0];
}

function code(message: Message, of: Segment, index: number): string {
  return field(message, of, index)?.[0]?.toUpperCase() ?? "";
}

/** `id ^ namespace ^ universal id ^ type`. A number that no one is named for is the sender's, told by MSH-3 and MSH-4. */
function entity(message: Message, of: Segment | undefined, index: number, role: string): Identifier | null {
  const [value, namespace, universal] = field(message, of, index) ?? [];
  if (!value) return null;
  if (universal) return { system: oidUri(universal), value };
  if (namespace) return { system: namespace, value };
  const msh = segment(message, "MSH");
  const sender = [4, 3].map((at) => (field(message, msh, at) ?? []).filter(Boolean).join(" "));
  // A number of nobody's may be anybody's.
  return sender.every((each) => each === "") ? null : { system: `${sender.join("|")}${role}`, value };
}

function same(one: Identifier | null, two: Identifier | null): boolean {
  return one !== null && two !== null && one.system === two.system && one.value === two.value;
}
