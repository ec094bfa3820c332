import { createReadStream } from "node:fs";
import { isWide, textEncoding } from "@sluice/media";
import { bytesEncoding, decode, readSample, readText } from "./encoding.js";

/** A segment: its name and its fields as HL7 counts them, still encoded. `fields[1]` of MSH is the separator. */
export interface Segment {
  name: string;
  fields: string[];
}

interface Delimiters {
  field: string;
  component: string;
  repetition: string;
  escape: string;
  subcomponent: string;
}

/** One message: its segments and how to read their fields. */
export interface Message {
  segments: Segment[];
  delimiters: Delimiters;
  encoding: string;
}

/** HL7's and DICOM's names of character sets, without blanks and marks, as labels for a decoder. */
const charsets: Record<string, string> = {
  UNICODEUTF8: "utf-8",
  UNICODE: "utf-8",
  UTF8: "utf-8",
  ISOIR192: "utf-8",
  ASCII: "windows-1252",
  ISOIR6: "windows-1252",
  ISOIR87: "iso-2022-jp",
  ISOIR14: "iso-2022-jp",
  ISOIR13: "shift_jis",
  ISOIR159: "iso-2022-jp",
  GB180302000: "gb18030",
  GB18030: "gb18030",
  GB2312: "gb18030",
  BIG5: "big5",
  KSX1001: "euc-kr",
};

const escapeByte = 0x1b;

/** The encoding of a message: UTF-8 where the bytes prove it, what MSH-18 says, Western otherwise. */
function messageEncoding(bytes: Uint8Array): string {
  const head = bytes.subarray(0, 65_536);
  const msh = /MSH(.)[^\r\n]*/.exec(Buffer.from(head.buffer, head.byteOffset, head.length).toString("latin1"));
  const stated = (msh?.[0].split(msh[1] ?? "|")[17] ?? "").split(/[~^]/).filter(Boolean).at(-1)?.trim() ?? "";
  const declared = charset(stated.toUpperCase());
  // Seven-bit bytes can still be Japanese.
  return declared === "iso-2022-jp" && bytes.includes(escapeByte) ? declared : bytesEncoding(bytes, declared || null);
}

/** A decoder's label for what HL7 and DICOM call a character set. */
export function charset(stated: string): string {
  const part = /8859[/-](\d+)/.exec(stated)?.[1];
  return part ? `iso-8859-${part}` : (charsets[stated.replace(/[^A-Z\d]/g, "")] ?? stated.toLowerCase());
}

/**
 * The messages of a file, each as its bytes with a carriage return after a segment; what stands before the first MSH, such as
 * the headers of a batch, belongs to none. One message at a time is held.
 */
export async function* messages(path: string): AsyncGenerator<Buffer> {
  const wide = textEncoding(await readSample(path)) ?? "";
  // Bytes as they are, one a character: each message may have a character set of its own.
  const encoding = isWide(wide) ? "utf8" : "latin1";
  const pieces = isWide(wide)
    ? readText(path, wide)
    : createReadStream(path, { encoding: "latin1", highWaterMark: 262_144 });
  let segments: string[] = [];
  for await (const line of lines(pieces)) {
    const isStart = /^(?:\xef\xbb\xbf)?\s*MSH[^\w\s]/.test(line);
    if (!isStart && !/^\s*(FHS|BHS|BTS|FTS)\b/.test(line)) {
      if (segments.length > 0) segments.push(line);
      continue;
    }
    if (segments.length > 0) yield Buffer.from(segments.join("\r"), encoding);
    segments = isStart ? [line.slice(line.indexOf("MSH"))] : [];
  }
  if (segments.length > 0) yield Buffer.from(segments.join("\r"), encoding);
}

/** Lines that are not empty; the frames of MLLP end them too. */
async function* lines(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let held: string[] = [];
  for await (const given of pieces) {
    const piece = given.replaceAll("\v", "\r").replaceAll("\x1c", "\r");
    if (!/[\r\n]/.test(piece)) {
      held.push(piece);
      continue;
    }
    const found = (held.join("") + piece).split(/[\r\n]+/);
    held = [found.pop() ?? ""];
    for (const line of found) if (line) yield line;
  }
  const last = held.join("");
  if (last) yield last;
}

/** A message's segments. A line that begins like no segment goes on with the one before: senders break long text. */
export function parseMessage(bytes: Uint8Array): Message {
  const encoding = messageEncoding(bytes);
  const text = decode(bytes, encoding);
  const field = text[3] ?? "|";
  const marks = text.slice(4, text.indexOf(field, 4) === -1 ? 8 : text.indexOf(field, 4));
  const delimiters: Delimiters = {
    field,
    component: marks[0] ?? "^",
    repetition: marks[1] ?? "~",
    escape: marks[2] ?? "\\",
    subcomponent: marks[3] ?? "&",
  };
  const segments: Segment[] = [];
  let broken: string[] = [];
  const mend = () => {
    const last = segments.at(-1);
    if (last && broken.length > 0) goOn(last, broken.join("\n"), field);
    broken = [];
  };
  for (const line of text.split("\r")) {
    if (isSegment(line, field, segments.at(-1))) {
      mend();
      const fields = line.split(field);
      if (fields[0] === "MSH") fields.splice(1, 0, field);
      segments.push({ name: line.slice(0, 3), fields });
    } else broken.push(line);
  }
  mend();
  return { segments, delimiters, encoding };
}

function isSegment(line: string, field: string, last: Segment | undefined): boolean {
  if (!/^[A-Z][A-Z0-9]{2}$/.test(line.slice(0, 3))) return false;
  // Three letters alone hold nothing as a segment; below a text they may be a line of it.
  return line[3] === field || (line.length === 3 && (segmentNames.has(line) || !last || !isOpenText(last)));
}

/** Those that are met without fields. */
const segmentNames = new Set(
  "PID PD1 PV1 PV2 NK1 MRG AL1 IAM DG1 PR1 PRB IN1 IN2 GT1 ORC OBR OBX NTE SPM TXA RXA RXE RXO RXR DSC BTS FTS".split(
    " ",
  ),
);

/** Whether a segment ends in text, which may go on. */
function isOpenText({ name, fields }: Segment): boolean {
  const at = { OBX: 5, NTE: 3 }[name];
  return fields.length - 1 === at && fields[at] !== "";
}

/** Adds lines that a segment was broken into: to its last field, and the fields that follow that. */
function goOn(segment: Segment, text: string, separator: string): void {
  const { name, fields } = segment;
  if (fields.length === 1) fields.push("");
  const [more = "", ...rest] = text.split(separator);
  const last = fields.length - 1;
  const all = [...fields.slice(0, last), `${fields[last]}\n${more}`, ...rest];
  segment.fields =
    rest.length === 0 || fieldsFollow(name, last, all) ? all : [...fields.slice(0, last), `${fields[last]}\n${text}`];
}

/** Whether what looks like fields below a broken line is some: in a report it may be a table drawn with bars. */
function fieldsFollow(name: string, last: number, fields: readonly string[]): boolean {
  if (name === "NTE") return false;
  if (name !== "OBX" || !["TX", "FT", "ST", ""].includes(fields[2] ?? "")) return true;
  const rest = fields.slice(6);
  const isStatus = /^[A-Z]?$/.test(fields[11]?.trim() ?? "");
  return (
    last === 5 &&
    isStatus &&
    rest.every((each) => !each.includes("\n")) &&
    (rest.length > 5 || rest.every((each) => !each.trim()))
  );
}

/** A field's repetitions, each as its components, decoded; subcomponents are joined by a space. */
export function components(message: Message, raw: string | undefined): string[][] {
  const { component, repetition, subcomponent } = message.delimiters;
  if (!raw || raw === '""') return [];
  return raw.split(repetition).map((each) =>
    each.split(component).map((part) =>
      part
        .split(subcomponent)
        .map((text) => resolveEscapes(text, message))
        .filter(Boolean)
        .join(" ")
        .trim(),
    ),
  );
}

/**
 * Resolves escape sequences: delimiters, line breaks, bytes in hex, changes of the character set; highlighting and the like is
 * dropped.
 */
export function resolveEscapes(
  text: string,
  { delimiters, encoding }: Pick<Message, "delimiters" | "encoding">,
): string {
  const mark = delimiters.escape;
  if (!mark || !text.includes(mark)) return text;
  const plain: Record<string, string> = {
    F: delimiters.field,
    S: delimiters.component,
    T: delimiters.subcomponent,
    R: delimiters.repetition,
    E: mark,
    H: "",
    N: "",
  };
  const quoted = mark.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  // Bytes that stand together may be one character.
  const hex = `(?:${quoted}X[0-9A-Fa-f]+${quoted})+`;
  const sequence = new RegExp(
    `${hex}|${quoted}(F|S|T|R|E|H|N|[CM][0-9A-Fa-f]{4,6}|Z[^${quoted}]*|\\.[a-z]{2}\\s*[+-]?\\d*)${quoted}`,
    "g",
  );
  let shifts = false;
  const resolved = text.replace(sequence, (all: string, code: string | undefined) => {
    if (!code) return decode(Buffer.from(all.replace(/[^0-9A-Fa-f]/g, ""), "hex"), encoding).replace(/\r\n?/g, "\n");
    if (code.startsWith(".")) return layout(code);
    if (!/^[CM]/.test(code)) return plain[code] ?? "";
    shifts = true;
    return `\x1b${Buffer.from(code.slice(1), "hex").toString("latin1").replaceAll("\0", "")}`;
  });
  const isSevenBit = shifts && /^[\0-\x7f]*$/.test(resolved);
  return isSevenBit ? decode(Buffer.from(resolved, "latin1"), "iso-2022-jp") : resolved;
}

/** Formatting commands of FT fields: lines and blanks. */
function layout(command: string): string {
  const count = Math.min(Math.max(Number.parseInt(command.slice(3), 10) || 1, 1), 50);
  if (/^\.(br|ce)/.test(command)) return "\n";
  if (command.startsWith(".sp")) return "\n".repeat(count);
  return command.startsWith(".sk") ? " ".repeat(count) : "";
}
