import type { Header, PatientIdentity } from "@sluice/contracts";
import { makeCode, oidUri, sexWord } from "./codes.js";
import { documentDate, hl7Date } from "./dates.js";
import { components, type Message, type Segment } from "./hl7-message.js";

/** What MSH, PID, OBR and TXA say of the message. */
export function hl7Header(message: Message): Partial<Header> {
  const by = (name: string) => message.segments.find((segment) => segment.name === name);
  const first = (name: string, field: number) => components(message, by(name)?.fields[field])[0]?.[0];
  const [type] = components(message, by("MSH")?.fields[9]);
  const [title] = components(message, by("OBR")?.fields[4]);
  const [document] = components(message, by("TXA")?.fields[2]);
  return {
    title: document?.[1] || document?.[0] || title?.[1] || title?.[0] || null,
    type: makeCode("http://terminology.hl7.org/CodeSystem/v2-0009", type?.slice(0, 2).filter(Boolean).join("^")),
    language: first("MSH", 19)?.toLowerCase() || null,
    patients: message.segments.filter(({ name }) => name === "PID").map((pid) => patient(message, pid)),
    dates: [
      ...documentDate("service", hl7Date(first("OBR", 7)), "OBR-7"),
      ...documentDate("service", hl7Date(first("TXA", 4)), "TXA-4"),
      ...documentDate("service", hl7Date(first("PV1", 44)), "PV1-44"),
      ...documentDate("authored", hl7Date(first("OBR", 22)), "OBR-22"),
      ...documentDate("authored", hl7Date(first("TXA", 6)), "TXA-6"),
      ...documentDate("authored", hl7Date(first("MSH", 7)), "MSH-7"),
    ],
  };
}

function patient(message: Message, pid: Segment): PatientIdentity {
  // Old senders keep the identifier in PID-2.
  const ids = [...components(message, pid.fields[3]), ...(pid.fields[3] ? [] : components(message, pid.fields[2]))];
  return {
    identifiers: ids.flatMap(([value, , , authority, type]) =>
      value ? [{ authority: assigningAuthority(authority ?? ""), value, ...(type ? { type } : {}) }] : [],
    ),
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
