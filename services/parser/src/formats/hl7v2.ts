import { type Code, SluiceError, type TextRange } from "@sluice/contracts";
import { unpacked } from "../reading/attachment.js";
import { bestCode } from "../reading/codes.js";
import { hl7Date } from "../reading/dates.js";
import { joinDocuments } from "../reading/hl7-documents.js";
import { codings, observationFact, type Stated, segmentFact } from "../reading/hl7-facts.js";
import { hl7Header, hl7Patient } from "../reading/hl7-header.js";
import { noteText, segmentLine } from "../reading/hl7-lines.js";
import { components, type Message, messages, parseMessage, type Segment } from "../reading/hl7-message.js";
import { isProse, type Observation, observations } from "../reading/hl7-observation.js";
import { writeHeader } from "../writing/statements.js";
import type { Format, Limits, Output } from "./format.js";

/** Any message: a section an order with its results and notes, the other segments as lines. Batches are containers. */
export const hl7v2: Format = {
  name: "hl7v2",
  label: "HL7 v2",
  family: "text",
  recognise: ({ mediaType }) => (mediaType === "application/hl7-v2" ? 10 : null),
  keeps:
    "The header (patients, encounter, type, dates, order and document numbers, status, what it corrects), a section an order with its results and notes, other segments as lines; results, vital signs, allergies, diagnoses, procedures, immunizations and medications as facts; encapsulated documents, and the messages of a batch, as children.",
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
    let first: Buffer | undefined;
    let count = 0;
    for await (const bytes of messages(source.path)) {
      count += 1;
      if (count === 1) {
        first = bytes;
        continue;
      }
      if (count === 2) await member(first as Buffer, 0, out);
      await member(bytes, count - 1, out);
    }
    if (!first) throw new SluiceError("document_empty");
    if (count === 1) await new MessageWriter(parseMessage(first), out, limits).write();
  },
};

/** A message of a batch, byte for byte, as each may have a character set of its own. */
function member(bytes: Buffer, index: number, out: Output): Promise<void> {
  return out.child({
    path: `message[${index}]`,
    fileName: `message-${index + 1}.hl7`,
    declaredType: "application/hl7-v2",
    bytes,
  });
}

/**
 * Equal for the lines of one text. Lines may be numbered by OBX-4, but strings that it tells apart are values of their own: an
 * organism's, a specimen's.
 */
function proseKey(obx: Segment): string {
  const { fields } = obx;
  if (!isProse(obx)) return "";
  return fields[2] === "ST" && fields[4] ? `OBX ${fields[3]} ${fields[4]}` : `OBX ${fields[3]}`;
}

interface Line {
  text: string;
  /** What it states, with the place in the source. */
  fact?: Stated & { source: string };
}

/** A section in the making: an order and what was observed for it, or whatever comes before the first order. */
interface Group {
  title: string | null;
  code: Code | null;
  lines: Line[];
}

class MessageWriter {
  readonly #message: Message;
  /** Segments that only go on with a document. */
  readonly #parts: ReadonlySet<Segment>;
  readonly #out: Output;
  readonly #limits: Limits;
  #group: Group = { title: null, code: null, lines: [] };
  #order: Segment | null = null;
  #common: Segment | null = null;
  /** What was given before the observations that tell of it. */
  #given: Segment | null = null;
  #patient: number | null = null;

  constructor(message: Message, out: Output, limits: Limits) {
    const joined = joinDocuments(message);
    this.#message = joined.message;
    this.#parts = joined.parts;
    this.#out = out;
    this.#limits = limits;
  }

  async write(): Promise<void> {
    const { segments } = this.#message;
    writeHeader(this.#out, hl7Header(this.#message));
    const counts = new Map<string, number>();
    let running = "";
    for (const [index, segment] of segments.entries()) {
      const number = (counts.get(segment.name) ?? 0) + 1;
      counts.set(segment.name, number);
      if (this.#parts.has(segment)) continue;
      const previous = running;
      running = "";
      if (segment.name === "OBR" || segment.name === "TXA") await this.#begin(segment);
      else if (segment.name === "OBX") running = await this.#observe(segment, index, number, previous);
      else if (segment.name === "NTE") running = this.#note(segment, previous);
      else await this.#other(segment, index, number);
    }
    await this.#flush();
  }

  async #begin(segment: Segment): Promise<void> {
    await this.#flush();
    this.#group = heading(this.#message, segment);
    this.#order = segment.name === "OBR" ? segment : null;
    this.#given = null;
  }

  #note(segment: Segment, previous: string): string {
    const note = noteText(this.#message, segment);
    if (note) this.#group.lines.push({ text: previous === "NTE" ? note : `Note: ${note}` });
    return "NTE";
  }

  async #other(segment: Segment, index: number, number: number): Promise<void> {
    if (segment.name === "PID") await this.#begins(segment, index);
    if (segment.name === "ORC") this.#common = segment;
    if (segment.name === "RXA") this.#given = segment;
    const line: Line = { text: segmentLine(this.#message, segment) };
    const stated = segmentFact(this.#message, segment, this.#common);
    if (stated) line.fact = { ...stated, source: `${segment.name}[${number}]` };
    // A code without words is no line, but what it states is stated.
    if (stated && !line.text) line.text = stated.text;
    this.#group.lines.push(line);
  }

  /** Another patient's results are another section. */
  async #begins(pid: Segment, index: number): Promise<void> {
    if (this.#order) {
      await this.#flush();
      this.#group = { title: null, code: null, lines: [] };
      this.#order = null;
    }
    const { segments } = this.#message;
    let mrg: Segment | undefined;
    for (let at = index + 1; at < segments.length && !mrg && segments[at]?.name !== "PID"; at += 1) {
      if (segments[at]?.name === "MRG") mrg = segments[at];
    }
    this.#patient = this.#out.patient(hl7Patient(this.#message, pid, mrg));
  }

  /** Adds an observation; gives what the next one has to equal to go on with its lines. */
  async #observe(obx: Segment, index: number, number: number, previous: string): Promise<string> {
    const [found, ...others] = observations(this.#message, obx) as [Observation, ...Observation[]];
    const { lines } = this.#group;
    const key = proseKey(obx);
    const goesOn = key !== "" && key === previous;
    const said = await this.#say(found, `segment[${index}].OBX-5`, goesOn);
    const line: Line = { text: said };
    // Lines of prose are read as one, and what is told of an injection is no result.
    const next = this.#message.segments[index + 1];
    const isRun = goesOn || (key !== "" && next?.name === "OBX" && proseKey(next) === key);
    if (found.kind === "text" && !isRun && !this.#given) {
      const stated = observationFact(this.#message, obx, this.#order, found);
      if (stated) line.fact = { ...stated, source: `OBX[${number}]` };
    }
    lines.push(line);
    for (const [place, other] of others.entries())
      lines.push({ text: await this.#say(other, `segment[${index}].OBX-5[${place + 1}]`, false) });
    return found.kind === "document" ? "" : key;
  }

  /** What the text says of an observation; its document becomes a child. */
  async #say(found: Observation, path: string, goesOn: boolean): Promise<string> {
    if (found.kind === "document") {
      const child = { path, fileName: null, declaredType: found.declaredType };
      await this.#out.child({ ...child, bytes: unpacked(found.bytes, this.#limits) });
      if (found.isPlaceholder) this.#out.warn("attachment_placeholder");
      return found.name;
    }
    if (found.kind === "unreadable") this.#out.warn("attachment_unreadable");
    if (found.kind === "elsewhere") this.#out.warn("attachment_not_available");
    const said = found.kind === "text" ? found.line : found.value;
    return goesOn ? said : [found.name, said].filter(Boolean).join(said.includes("\n") ? ":\n" : ": ");
  }

  async #flush(): Promise<void> {
    const { title, code, lines } = this.#group;
    const said = lines.filter(({ text }) => text !== "");
    const placed = await this.#out.section({ title, code, text: said.map(({ text }) => text).join("\n") });
    let at = 0;
    for (const { text, fact } of said) {
      const evidence: TextRange = placed.at(at, at + text.length);
      if (fact) await this.#out.fact({ ...fact, patient: this.#patient, evidence });
      at += text.length + 1;
    }
  }
}

function heading(parsed: Message, segment: Segment): Group {
  const [service] = components(parsed, segment.fields[segment.name === "OBR" ? 4 : 2]);
  const title = service?.[1] || service?.[4] || service?.[0] || null;
  const code = bestCode(codings(parsed, segment.fields[segment.name === "OBR" ? 4 : 2]));
  const about = segment.name === "TXA" ? segmentLine(parsed, segment) : order(parsed, segment);
  return { title, code, lines: [{ text: title ?? "" }, { text: about }] };
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
