import { fromBase64 } from "./attachment.js";
import { personName } from "./hl7-header.js";
import { components, type Message, resolveEscapes, type Segment } from "./hl7-message.js";

/** What an OBX holds: text to read, or a document. */
export type Observation =
  | { kind: "text"; name: string; value: string }
  | { kind: "document"; name: string; declaredType: string | null; bytes: Buffer }
  | { kind: "unreadable" | "elsewhere"; name: string; value: string };

/** Types whose value is prose: several of one name follow each other, a line each. */
export function isProse(obx: Segment): boolean {
  return ["TX", "FT", "ST", ""].includes(obx.fields[2] ?? "");
}

export function observation(message: Message, obx: Segment): Observation {
  const [identifier] = components(message, obx.fields[3]);
  const name = identifier?.[1] || identifier?.[4] || identifier?.[0] || "";
  const type = obx.fields[2] ?? "";
  if (type === "ED") return encapsulated(message, obx, name);
  const value = readableValue(message, type, obx.fields[5] ?? "");
  if (type === "RP") return { kind: "elsewhere", name, value };
  return { kind: "text", name, value: value && [value, ...remarks(message, obx)].filter(Boolean).join(" ") };
}

/** `source ^ type ^ subtype ^ encoding ^ data`; the data is taken raw, as base64 needs no escapes. */
function encapsulated(message: Message, obx: Segment, name: string): Observation {
  const parts = (obx.fields[5] ?? "").split(message.delimiters.component);
  const [, type = "", subtype = "", encoding = ""] = parts;
  const data = parts.slice(4).join(message.delimiters.component);
  if (/^a$/i.test(encoding)) return { kind: "text", name, value: resolveEscapes(data, message) };
  const bytes = fromBase64(resolveEscapes(data, message));
  if (!bytes) return { kind: "unreadable", name, value: "" };
  return { kind: "document", name, declaredType: mediaType(type, subtype), bytes };
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
    case "SN":
      return parts.filter(Boolean).join(" ");
    case "XPN":
      return personName(parts);
    case "XCN":
      return personName(parts.slice(1));
    default:
      return parts.filter(Boolean).join(" ");
  }
}

/** Unit, reference range, flags, and a status that changes how the value is to be taken. */
function remarks(message: Message, obx: Segment): string[] {
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
  return [
    unit?.[0] || unit?.[1] || "",
    range?.some(Boolean) ? `(${range.filter(Boolean).join(" ")})` : "",
    flags.join(" "),
    status ? `[${status}]` : "",
  ];
}
