import type { Code, Moment } from "@sluice/contracts";
import type { FactInput } from "../formats/format.js";
import { isAbsence } from "./absence.js";
import { isVital, makeCode } from "./codes.js";
import { hl7Date } from "./dates.js";
import { components, type Message, type Segment } from "./hl7-message.js";
import type { Observation } from "./hl7-observation.js";

/** What a segment states, without where the text says it. */
export type Stated = Omit<FactInput, "source" | "evidence" | "patient">;

/** Longer values are prose, which is read and not filed. */
const maxValue = 200;

/** OBX-11 and OBR-25, where they are more than a letter to a reader. */
const resultStatuses: Record<string, string> = {
  C: "corrected",
  D: "entered_in_error",
  F: "final",
  I: "pending",
  N: "not_asked",
  P: "preliminary",
  R: "preliminary",
  S: "partial",
  U: "final",
  W: "entered_in_error",
  X: "cancelled",
};

/** What an OBX states; `order` is the OBR that it belongs to. */
export function observationFact(
  message: Message,
  obx: Segment,
  order: Segment | null,
  observed: Extract<Observation, { kind: "text" }>,
): Stated | null {
  const { name, value } = observed;
  if (!name || !value || value.length > maxValue || value.includes("\n")) return null;
  const codes = codings(message, obx.fields[3]);
  const [unit] = components(message, obx.fields[6]);
  const [range] = components(message, obx.fields[7]);
  const flags = components(message, obx.fields[8]).flatMap((flag) => flag[0] || []);
  const status = first(message, obx, 11);
  return {
    kind: isVital(codes) ? "vital" : "result",
    text: name,
    codes,
    value,
    unit: unit?.[0] || unit?.[1] || null,
    range: range?.filter(Boolean).join(" ") || null,
    flag: flags.join(" ") || null,
    status: resultStatuses[status] ?? (status || null),
    effective: moment(first(message, obx, 14)) ?? moment(order ? first(message, order, 7) : "") ?? null,
  };
}

/** What any other segment states. */
export function segmentFact(message: Message, segment: Segment, orc: Segment | null): Stated | null {
  switch (segment.name) {
    case "AL1":
      return stated(message, segment, 3, { kind: "allergy", at: 6, flag: 4 });
    case "IAM":
      return stated(message, segment, 3, {
        kind: "allergy",
        at: 11,
        flag: 4,
        status: action(first(message, segment, 6)) ?? allergyStatus[first(message, segment, 17)] ?? null,
      });
    case "DG1":
      return stated(message, segment, 3, {
        kind: "problem",
        at: 5,
        name: 4,
        status: action(first(message, segment, 21)),
      });
    case "PRB":
      return stated(message, segment, 3, { kind: "problem", at: 16, status: problemStatus(message, segment) });
    case "PR1":
      return stated(message, segment, 3, {
        kind: "procedure",
        at: 5,
        name: 4,
        status: action(first(message, segment, 20)),
      });
    case "RXA":
      return administered(message, segment);
    case "RXE":
      return medication(message, segment, [2, 3, 5], orc);
    case "RXO":
      return medication(message, segment, [1, 2, 4], orc);
    case "RXD":
      return medication(message, segment, [2, 4, 5], orc);
    default:
      return null;
  }
}

/** IAM-17 */
const allergyStatus: Record<string, string> = {
  U: "unconfirmed",
  P: "unconfirmed",
  S: "unconfirmed",
  C: "confirmed",
  I: "inactive",
  E: "entered_in_error",
  D: "unconfirmed",
};

/** What was done to a problem, that it is over (PRB-9), or where it stands (PRB-14). */
function problemStatus(message: Message, prb: Segment): string | null {
  const [stage] = components(message, prb.fields[14]);
  return action(first(message, prb, 1)) ?? (first(message, prb, 9) ? "resolved" : stage?.[1] || stage?.[0] || null);
}

interface Fields {
  kind: Stated["kind"];
  at?: number;
  /** Where else the name may stand. */
  name?: number;
  flag?: number;
  status?: string | null;
}

function stated(message: Message, segment: Segment, at: number, fields: Fields): Stated | null {
  const codes = codings(message, segment.fields[at]);
  const [coded] = components(message, segment.fields[at]);
  const text = coded?.[1] || (fields.name && first(message, segment, fields.name)) || coded?.[4] || coded?.[0];
  if (!text || isAbsence(fields.kind, text, codes)) return null;
  return {
    kind: fields.kind,
    text,
    codes,
    flag: (fields.flag && first(message, segment, fields.flag)) || null,
    status: fields.status ?? null,
    effective: (fields.at && moment(first(message, segment, fields.at))) || null,
  };
}

function administered(message: Message, rxa: Segment): Stated | null {
  const codes = codings(message, rxa.fields[5]);
  const isVaccine =
    components(message, message.segments[0]?.fields[9])[0]?.[0] === "VXU" ||
    codes.some(({ system }) => /cvx$/.test(system));
  const base = stated(message, rxa, 5, { kind: isVaccine ? "immunization" : "medication", at: 3 });
  if (!base) return null;
  const done = first(message, rxa, 20);
  // CVX 998: that none was given.
  const isNegated =
    done === "RE" || done === "NA" || codes.some(({ system, code }) => /cvx$/.test(system) && code === "998");
  const status: Record<string, string> = { CP: "completed", PA: "partial" };
  const amount = first(message, rxa, 6);
  return {
    ...base,
    ...dose(/^9+$/.test(amount) ? "" : amount, components(message, rxa.fields[7])[0]),
    status: isNegated ? "negated" : (action(first(message, rxa, 21)) ?? status[done] ?? null),
  };
}

function medication(
  message: Message,
  segment: Segment,
  [code, amount, unit]: [number, number, number],
  orc: Segment | null,
): Stated | null {
  const base = stated(message, segment, code, { kind: "medication" });
  if (!base) return null;
  const control = orc ? first(message, orc, 1) : "";
  const status: Record<string, string> = {
    CA: "cancelled",
    OC: "cancelled",
    CR: "cancelled",
    DC: "stopped",
    OD: "stopped",
    HD: "on-hold",
  };
  return {
    ...base,
    ...dose(first(message, segment, amount), components(message, segment.fields[unit])[0]),
    status: status[control] ?? status[orc ? first(message, orc, 5) : ""] ?? null,
    effective: moment(orc ? first(message, orc, 15) : "") ?? moment(orc ? first(message, orc, 9) : "") ?? null,
  };
}

function dose(amount: string, unit: string[] | undefined): Pick<Stated, "value" | "unit"> {
  return amount ? { value: amount, unit: unit?.[0] || unit?.[1] || null } : {};
}

/** What a deletion leaves of a statement is that it is no longer made. */
function action(code: string): string | null {
  return code === "D" || code === "DE" ? "entered_in_error" : null;
}

/** Both codings of a coded element, the alternate one as a translation. */
export function codings(message: Message, raw: string | undefined): Code[] {
  const [parts] = components(message, raw);
  return [makeCode(parts?.[2], parts?.[0], parts?.[1]), makeCode(parts?.[5], parts?.[3], parts?.[4])].filter(
    (code) => code !== null,
  );
}

function first(message: Message, segment: Segment, field: number): string {
  return components(message, segment.fields[field])[0]?.[0] ?? "";
}

function moment(stamp: string): Moment | undefined {
  return hl7Date(stamp);
}
