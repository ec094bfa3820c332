import { sniff } from "@sluice/media";
import { fromBase64 } from "./attachment.js";
import type { Message, Segment } from "./hl7-message.js";

/** Shorter text in base64's letters is a word, a number or a name. */
const minEncoded = 64;
/** Where a file of these kinds says that it is at its end. */
const ends: Readonly<Record<string, RegExp>> = {
  "application/pdf": /%%EOF\s*$/,
  "application/rtf": /\}[\s\0]*$/,
};

/** Types whose value may be a document by mistake. */
const textTypes = new Set(["ST", "TX", "FT", ""]);

/** A document's bytes that stand in base64 where text should. Undefined for text. */
export function documentInText(message: Message, obx: Segment): Buffer | undefined {
  // Words without their spaces may look like base64.
  const isText = !textTypes.has(obx.fields[2] ?? "") || obx.fields[5]?.trim().includes(" ");
  return isText ? undefined : documentIn(payload(message, obx));
}

/**
 * The message with documents whole that a sender cut into several OBX of one name, and the segments that only go on with one:
 * an OBX that begins a file of a known kind and does not end it, then those that are base64 and begin none.
 */
export function joinDocuments(message: Message): { message: Message; parts: ReadonlySet<Segment> } {
  const segments: Segment[] = [];
  const parts = new Set<Segment>();
  let index = 0;
  for (const segment of message.segments) {
    if (parts.has(segment)) {
      segments.push(segment);
    } else {
      const following = goingOn(message, index);
      for (const each of following) parts.add(each);
      segments.push(following.length > 0 ? joined(message, segment, following) : segment);
    }
    index += 1;
  }
  return { message: { ...message, segments }, parts };
}

function goingOn(message: Message, index: number): Segment[] {
  const { segments } = message;
  const first = segments[index] as Segment;
  const next = segments[index + 1];
  if (first.name !== "OBX" || next?.name !== "OBX" || !isDocumentType(first)) return [];
  const bytes = documentIn(payload(message, first));
  if (!bytes || isEnded(bytes)) return [];
  const found: Segment[] = [];
  for (let at = index + 1; at < segments.length; at += 1) {
    const obx = segments[at] as Segment;
    const isSame = obx.name === "OBX" && obx.fields[2] === first.fields[2] && obx.fields[3] === first.fields[3];
    if (!isSame || !isPart(message, obx)) break;
    found.push(obx);
  }
  return found;
}

function isDocumentType({ fields }: Segment): boolean {
  return fields[2] === "ED" || textTypes.has(fields[2] ?? "");
}

function isPart(message: Message, obx: Segment): boolean {
  const [, type = "", subtype = ""] = (obx.fields[5] ?? "").split(message.delimiters.component);
  const isText = /^(text|tx)$/i.test(type) || /^(text|plain)$/i.test(subtype);
  const bytes = isText ? undefined : fromBase64(payload(message, obx));
  return bytes !== undefined && !isDocument(bytes);
}

function isEnded(bytes: Buffer): boolean {
  const end = ends[sniff(bytes.subarray(0, 16_384))?.mediaType ?? ""];
  return end?.test(bytes.toString("latin1", Math.max(0, bytes.length - 1_024))) ?? false;
}

function joined(message: Message, first: Segment, following: readonly Segment[]): Segment {
  const pieces = [first, ...following].map((obx) => payload(message, obx));
  // Some senders cut the base64, some the file.
  const isCutFile = pieces.slice(0, -1).some((piece) => piece.endsWith("="));
  const whole = isCutFile
    ? Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64"))).toString("base64")
    : pieces.join("");
  const { component } = message.delimiters;
  const [source, ...rest] = (first.fields[5] ?? "").split(component);
  const value = rest.length > 0 ? [source, ...rest.slice(0, -1), whole].join(component) : whole;
  return { ...first, fields: first.fields.with(5, value) };
}

/** The last component, without white space and line breaks. */
function payload({ delimiters }: Message, obx: Segment): string {
  const { component, escape: mark } = delimiters;
  const last = (obx.fields[5] ?? "").split(component).at(-1) ?? "";
  return last.replaceAll(`${mark}.br${mark}`, "").replace(/\s+/g, "");
}

function documentIn(text: string): Buffer | undefined {
  const bytes = text.length < minEncoded ? undefined : fromBase64(text);
  return bytes && isDocument(bytes) ? bytes : undefined;
}

/** Of a kind that is known by its bytes. */
function isDocument(bytes: Buffer): boolean {
  const judged = sniff(bytes.subarray(0, 16_384));
  return judged !== undefined && judged.family !== "text" && judged.family !== "mail";
}
