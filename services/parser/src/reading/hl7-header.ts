import type { Code, Encounter, Header, PatientIdentity } from "@sluice/contracts";
import { encounterClass, makeCode, oidUri, sexWord } from "./codes.js";
import { documentDate, hl7Date } from "./dates.js";
import { codings } from "./hl7-facts.js";
import { components, type Message, type Segment } from "./hl7-message.js";
import { hl7Standing } from "./hl7-standing.js";

/** What MSH, PV1, OBR and TXA say of the message; its patients are told with their groups. */
export function hl7Header(message: Message): Partial<Header> {
  const by = (name: string) => message.segments.find((segment) => segment.name === name);
  const first = (name: string, field: number) => components(message, by(name)?.fields[field])[0]?.[0];
  const [title] = components(message, by("OBR")?.fields[4]);
  const [document] = components(message, by("TXA")?.fields[2]);
  return {
    title: document?.[1] || document?.[0] || title?.[1] || title?.[4] || title?.[0] || null,
    type: documentType(message),
    language: first("MSH", 19)?.toLowerCase() || null,
    encounter: encounter(message, by("PV1")),
    ...hl7Standing(message),
    dates: [
      ...documentDate("service", hl7Date(first("OBR", 7)), "OBR-7"),
      ...documentDate("service", hl7Date(first("TXA", 4)), "TXA-4"),
      ...documentDate("service", hl7Date(first("PV1", 44)), "PV1-44"),
      ...documentDate("authored", hl7Date(first("OBR", 22)), "OBR-22"),
      ...documentDate("authored", hl7Date(first("TXA", 6)), "TXA-6"),
      ...documentDate("authored", hl7Date(first("TXA", 8)), "TXA-8"),
      ...documentDate("authored", hl7Date(first("MSH", 7)), "MSH-7"),
    ],
  };
}

/** LOINC where it is stated, of the document or the one order; else the kind of message. */
function documentType(message: Message): Code | null {
  const [type] = components(message, message.segments[0]?.fields[9]);
  const of = (name: string, field: number) =>
    message.segments.filter((segment) => segment.name === name).map((segment) => segment.fields[field]);
  const requests = of("OBR", 4);
  const stated = type?.[0] === "MDM" ? [...of("TXA", 2), ...requests, ...of("OBX", 3).slice(0, 1)] : requests;
  const isOne = type?.[0] === "MDM" || (type?.[0] === "ORU" && requests.length === 1);
  const loinc = stated.flatMap((field) => codings(message, field)).find(({ system }) => system === "http://loinc.org");
  if (isOne && loinc) return loinc;
  return makeCode("http://terminology.hl7.org/CodeSystem/v2-0009", type?.slice(0, 2).filter(Boolean).join("^"));
}

function encounter(message: Message, pv1: Segment | undefined): Encounter | null {
  if (!pv1) return null;
  const field = (index: number) => components(message, pv1.fields[index])[0] ?? [];
  const [id, patientClass] = [field(19)[0] || null, encounterClass(field(2)[0])];
  const [start, end] = [hl7Date(field(44)[0]) ?? null, hl7Date(field(45)[0]) ?? null];
  const facility = field(3)[3] || null;
  return id || start || end || facility || (patientClass && patientClass !== "N")
    ? { id, class: patientClass, start, end, facility }
    : null;
}

/** Events that say that two identities are one person's. */
const merges = new Set("A18 A30 A34 A35 A36 A39 A40 A46 A47".split(" "));

/** Whom a PID is about; in a merge with the number that goes. */
export function hl7Patient(message: Message, pid: Segment, mrg: Segment | undefined): PatientIdentity {
  const own = patient(message, pid);
  const event = components(message, message.segments[0]?.fields[9])[0]?.[1] ?? "";
  if (!mrg || !merges.has(event)) return own;
  return { ...own, identifiers: [...own.identifiers, ...identifiers(message, mrg.fields[1])] };
}

function identifiers(message: Message, raw: string | undefined): PatientIdentity["identifiers"] {
  return components(message, raw).flatMap(([value, , , authority, type]) =>
    value ? [{ authority: assigningAuthority(authority ?? ""), value, ...(type ? { type } : {}) }] : [],
  );
}

function patient(message: Message, pid: Segment): PatientIdentity {
  // Old senders keep the identifier in PID-2.
  return {
    identifiers: identifiers(message, pid.fields[3] || pid.fields[2]),
    names: components(message, pid.fields[5]).flatMap((name) => personName(name) || []),
    birthDate: hl7Date(components(message, pid.fields[7])[0]?.[0])?.value.slice(0, 10) ?? null,
    sex: sexWord(components(message, pid.fields[8])[0]?.[0]),
  };
}

/** Of `namespace universal-id type` the universal id where there is one. */
function assigningAuthority(parts: string): string {
  const [namespace = "", universal] = parts.split(" ");
  return universal && /^[0-2](\.\d+)+$/.test(universal) ? oidUri(universal) : oidUri(namespace);
}

/** Family, given, middle, suffix, prefix, as one says it. */
export function personName([family, given, middle, suffix, prefix]: string[]): string {
  return [prefix, given, middle, family, suffix].filter(Boolean).join(" ");
}
