import { sniff } from "@sluice/media";
import { fromBase64 } from "./attachment.js";
import { hl7Date } from "./dates.js";
import { documentInText } from "./hl7-documents.js";
import { personName } from "./hl7-header.js";
import { components, type Message, resolveEscapes, type Segment } from "./hl7-message.js";

/** What an OBX holds: text to read, or a document. */
export type Observation =
  | { kind: "text"; name: string; value: string; line: string }
  | { kind: "document"; name: string; declaredType: string | null; bytes: Buffer; isPlaceholder?: boolean }
  | { kind: "unreadable" | "elsewhere"; name: string; value: string };

/** Types whose value is prose: several of one name follow each other, a line each. */
export function isProse(obx: Segment): boolean {
  return ["TX", "FT", "ST", ""].includes(obx.fields[2] ?? "");
}

/** The documents of an OBX that holds several, or else what it holds. */
export function observations(message: Message, obx: Segment): Observation[] {
  const { component, repetition } = message.delimiters;
  const values = obx.fields[2] === "ED" ? (obx.fields[5] ?? "").split(repetition) : [];
  // In text that was not escaped the mark may be one of its characters.
  const areDocuments = values.length > 1 && values.every((value) => value.split(component).length > 4);
  if (!areDocuments) return [observation(message, obx)];
  return values.map((value) => observation(message, { ...obx, fields: obx.fields.with(5, value) }));
}

function observation(message: Message, obx: Segment): Observation {
  const [identifier] = components(message, obx.fields[3]);
  const name = identifier?.[1] || identifier?.[4] || identifier?.[0] || "";
  const type = obx.fields[2] ?? "";
  if (type === "ED") return encapsulated(message, obx, name);
  const bytes = documentInText(message, obx);
  if (bytes) {
    const [, kind = "", subtype = ""] = (obx.fields[5] ?? "").split(message.delimiters.component);
    return { kind: "document", name, declaredType: mediaType(kind, subtype), bytes };
  }
  const value = readableValue(message, type, obx.fields[5] ?? "");
  if (type === "RP") return { kind: "elsewhere", name, value };
  return { kind: "text", name, value, line: [value, ...remarks(message, obx, value)].filter(Boolean).join(" ") };
}

/** A document has structure or length; what is shorter and of no kind stands in for one that was taken out. */
const minLength = 256;

/** `source ^ type ^ subtype ^ encoding ^ data`; the data is taken raw, as base64 needs no escapes. */
function encapsulated(message: Message, obx: Segment, name: string): Observation {
  const { component } = message.delimiters;
  const parts = (obx.fields[5] ?? "").split(component);
  const [, type = "", subtype = "", encoding = ""] = parts;
  const isAlone = parts.length === 1;
  const data = resolveEscapes(isAlone ? (parts[0] ?? "") : parts.slice(4).join(component), message);
  const declaredType = mediaType(type, subtype);
  if (/^a$/i.test(encoding)) {
    // Words are for readers here and now; markup has a reader of its own.
    return /^\s*(<|\{\\rtf)/.test(data)
      ? { kind: "document", name, declaredType, bytes: Buffer.from(data, "utf8") }
      : { kind: "text", name, value: data, line: data };
  }
  const bytes = /^hex$/i.test(encoding) ? fromHex(data) : fromBase64(data);
  if (!bytes) return { kind: "unreadable", name, value: "" };
  if (bytes.length >= minLength) return { kind: "document", name, declaredType, bytes };
  const judged = sniff(bytes);
  // Short bytes pass for Western text unless they are held to be readable.
  const isText = judged?.mediaType === "text/plain" && /^[\t\n\f\r\x20-\x7e]*$/.test(bytes.toString("latin1"));
  if (!judged || (judged.mediaType === "text/plain" && !isText)) return { kind: "unreadable", name, value: "" };
  const isPlaceholder = isText && declaredType !== null && !declaredType.startsWith("text/");
  return { kind: "document", name, declaredType, bytes, isPlaceholder };
}

function fromHex(text: string): Buffer | undefined {
  const compact = text.replace(/\s+/g, "");
  return /^([0-9A-Fa-f]{2})+$/.test(compact) ? Buffer.from(compact, "hex") : undefined;
}

function mediaType(type: string, subtype: string): string | null {
  const kinds: Record<string, string> = { AP: "application", TEXT: "text", TX: "text", IM: "image", IMAGE: "image" };
  const kind = kinds[type.toUpperCase()] ?? type.toLowerCase();
  if (/^[a-z]+\/[\w.+-]+$/i.test(subtype)) return subtype.toLowerCase();
  return kind && subtype ? `${kind}/${subtype.toLowerCase()}` : null;
}

function readableValue(message: Message, type: string, raw: string): string {
  const repeated = components(message, raw);
  if (["TX", "FT", "ST", ""].includes(type)) {
    return repeated
      .map((parts) => parts.filter(Boolean).join(" "))
      .join("\n")
      .trim();
  }
  return repeated
    .map((parts) => phrase(type, parts))
    .filter(Boolean)
    .join("; ");
}

function phrase(type: string, parts: string[]): string {
  switch (type) {
    case "CE":
    case "CWE":
    case "CNE":
    case "CF":
      return parts[8] || parts[1] || parts[4] || parts[0] || "";
    case "DT":
    case "TS":
    case "DTM":
      return hl7Date(parts[0])?.value ?? parts[0] ?? "";
    case "TM":
      return (parts[0] ?? "").replace(/^(\d\d)(\d\d)(\d\d)?(?:\.\d+)?([+-]\d{4})?$/, clock);
    case "DR":
      return parts.map((part) => hl7Date(part)?.value ?? part).join(" – ");
    case "NR":
      return parts.join(" – ");
    case "XPN":
      return personName(parts);
    case "XCN":
      return personName(parts.slice(1));
    default:
      return parts.filter(Boolean).join(" ");
  }
}

/** Unit, reference range, flags, and a status that changes how the value is to be taken. */
function remarks(message: Message, obx: Segment, value: string): string[] {
  const [unit] = components(message, obx.fields[6]);
  const [range] = components(message, obx.fields[7]);
  const flags = components(message, obx.fields[8]).flatMap((flag) => flag[0] || []);
  const statuses: Record<string, string> = {
    C: "corrected",
    D: "deleted",
    P: "preliminary",
    W: "wrong",
    X: "cannot be obtained",
  };
  const status = statuses[obx.fields[11]?.trim() ?? ""];
  if (!value) return [status ? `[${status}]` : ""];
  return [
    unit?.[0] || unit?.[1] || "",
    range?.some(Boolean) ? `(${range.filter(Boolean).join(" ")})` : "",
    flags.join(" "),
    status ? `[${status}]` : "",
  ];
}

function clock(_all: string, hour: string, minute: string, second?: string, zone?: string): string {
  return [hour, minute, second].filter(Boolean).join(":") + (zone ?? "");
}
