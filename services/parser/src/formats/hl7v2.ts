import { readFile } from "node:fs/promises";
import { type Code, SluiceError } from "@sluice/contracts";
import { unpacked } from "../reading/attachment.js";
import { bestCode, makeCode } from "../reading/codes.js";
import { hl7Date } from "../reading/dates.js";
import { decode } from "../reading/encoding.js";
import { hl7Header } from "../reading/hl7-header.js";
import { noteText, segmentLine } from "../reading/hl7-lines.js";
import {
  components,
  type Message,
  messageEncoding,
  messages,
  parseMessage,
  type Segment,
} from "../reading/hl7-message.js";
import { isProse, observation } from "../reading/hl7-observation.js";
import { writeHeader } from "../writing/statements.js";
import type { Format, Limits, Output } from "./format.js";

/** Any message: a section an order with its results and notes, the other segments as lines. Batches are containers. */
export const hl7v2: Format = {
  name: "hl7v2",
  label: "HL7 v2",
  family: "text",
  recognise: ({ mediaType }) => (mediaType === "application/hl7-v2" ? 10 : null),
  keeps:
    "The header (patient, type, dates), a section an order with its results and notes, other segments as lines; encapsulated documents, and the messages of a batch, as children.",
  codes: [],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["application/hl7-v2"],
  aliases: [
    "x-application/hl7-v2+er7",
    "application/hl7-v2+er7",
    "application/edi-hl7",
    "text/hl7",
    "text/plain",
    "text/x-hl7",
  ],
  async parse(source, out, limits) {
    const bytes = await readFile(source.path);
    const encoding = messageEncoding(bytes);
    const found = messages(decode(bytes, encoding));
    const first = found.next();
    if (first.done) throw new SluiceError("document_empty");
    const second = found.next();
    if (second.done) return message(parseMessage(first.value, encoding), out, limits);
    let index = 0;
    for (const text of chain([first.value, second.value], found)) {
      // Whatever the file's encoding was, the child is UTF-8, and valid UTF-8 is believed before MSH-18.
      const child = {
        path: `message[${index}]`,
        fileName: `message-${index + 1}.hl7`,
        declaredType: "application/hl7-v2",
      };
      await out.child({ ...child, bytes: Buffer.from(text, "utf8") });
      index += 1;
    }
  },
};

function* chain<T>(...parts: Iterable<T>[]): Generator<T> {
  for (const part of parts) yield* part;
}

/** A section in the making: an order and what was observed for it, or whatever comes before the first order. */
interface Group {
  title: string | null;
  code: Code | null;
  lines: string[];
}

async function message(parsed: Message, out: Output, limits: Limits): Promise<void> {
  writeHeader(out, hl7Header(parsed));
  let group: Group = { title: null, code: null, lines: [] };
  let running = "";
  for (const [index, segment] of parsed.segments.entries()) {
    const previous = running;
    running = "";
    if (segment.name === "OBR" || segment.name === "TXA") {
      await flush(group, out);
      group = heading(parsed, segment);
    } else if (segment.name === "OBX") {
      running = await observe(parsed, segment, index, previous, group, out, limits);
    } else if (segment.name === "NTE") {
      const note = noteText(parsed, segment);
      if (note) group.lines.push(previous === "NTE" ? note : `Note: ${note}`);
      running = "NTE";
    } else {
      group.lines.push(segmentLine(parsed, segment));
    }
  }
  await flush(group, out);
}

function heading(parsed: Message, segment: Segment): Group {
  const [service] = components(parsed, segment.fields[segment.name === "OBR" ? 4 : 2]);
  const title = service?.[1] || service?.[4] || service?.[0] || null;
  const code = bestCode([
    makeCode(service?.[2], service?.[0], service?.[1]),
    makeCode(service?.[5], service?.[3], service?.[4]),
  ]);
  return {
    title,
    code,
    lines: [title ?? "", segment.name === "TXA" ? segmentLine(parsed, segment) : order(parsed, segment)],
  };
}

/** When, why, and how far an order's result is. */
function order(parsed: Message, obr: Segment): string {
  const part = (field: number, index = 0) => components(parsed, obr.fields[field])[0]?.[index];
  const reason = components(parsed, obr.fields[31]).map((parts) => parts[1] || parts[0]);
  const facts: [label: string, value: string | undefined][] = [
    ["Observed", hl7Date(part(7))?.value ?? part(7)],
    ["Clinical information", part(13)],
    ["Reason", reason.filter(Boolean).join("; ")],
    ["Status", part(25)],
  ];
  return facts.flatMap(([label, value]) => (value ? `${label}: ${value}` : [])).join(" | ");
}

/** Adds an observation; gives what the next one has to equal to go on with its lines. */
async function observe(
  parsed: Message,
  obx: Segment,
  index: number,
  previous: string,
  group: Group,
  out: Output,
  limits: Limits,
): Promise<string> {
  const found = observation(parsed, obx);
  if (found.kind === "document") {
    const child = { path: `segment[${index}].OBX-5`, fileName: null, declaredType: found.declaredType };
    await out.child({ ...child, bytes: unpacked(found.bytes, limits) });
    group.lines.push(found.name);
    return "";
  }
  if (found.kind === "unreadable") out.warn("attachment_unreadable");
  if (found.kind === "elsewhere") out.warn("attachment_not_available");
  const key = isProse(obx) ? `OBX ${obx.fields[3]}` : "";
  const named = [found.name, found.value].filter(Boolean).join(found.value.includes("\n") ? ":\n" : ": ");
  group.lines.push(key && key === previous ? found.value : named);
  return key;
}

async function flush(group: Group, out: Output): Promise<void> {
  await out.section({
    title: group.title,
    code: group.code,
    text: group.lines.filter((line) => line !== "").join("\n"),
  });
}
