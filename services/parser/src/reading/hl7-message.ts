import { isUtf16, textEncoding } from "@sluice/media";
import { bytesEncoding, decode } from "./encoding.js";

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

const charsets: Record<string, string> = {
  "UNICODE UTF-8": "utf-8",
  "UTF-8": "utf-8",
  ASCII: "windows-1252",
  "ISO IR87": "iso-2022-jp",
  "ISO IR14": "iso-2022-jp",
  "ISO IR159": "iso-2022-jp",
  "GB 18030-2000": "gb18030",
  "BIG-5": "big5",
  "KS X 1001": "euc-kr",
};

/** The encoding of a file of messages: UTF-8 where the bytes prove it, what MSH-18 says, Western otherwise. */
export function messageEncoding(bytes: Uint8Array): string {
  const head = bytes.subarray(0, 65_536);
  if (isUtf16(textEncoding(head) ?? "")) return textEncoding(head) as string;
  const msh = /MSH(.)[^\r\n]*/.exec(Buffer.from(head.buffer, head.byteOffset, head.length).toString("latin1"));
  const stated =
    (msh?.[0].split(msh[1] ?? "|")[17] ?? "").split(/[~^]/).filter(Boolean).at(-1)?.trim().toUpperCase() ?? "";
  const declared = charsets[stated] ?? stated.replace(/^8859\/(\d+)$/, "iso-8859-$1").toLowerCase();
  // Pure seven-bit bytes can still be Japanese.
  return declared === "iso-2022-jp" ? declared : bytesEncoding(bytes, declared || null);
}

/** Splits a file into messages; anything before the first MSH (batch headers) belongs to none. */
export function* messages(text: string): Generator<string> {
  let lines: string[] = [];
  for (const line of text
    .replaceAll("\v", "\r")
    .replaceAll("\x1c", "\r")
    .split(/\r\n|\r|\n/)) {
    if (/^\s*MSH[^\w\s]/.test(line)) {
      if (lines.length > 0) yield lines.join("\r");
      lines = [line.trimStart()];
    } else if (/^(FHS|BHS|BTS|FTS)\b/.test(line)) {
      if (lines.length > 0) yield lines.join("\r");
      lines = [];
    } else if (lines.length > 0 && line) {
      lines.push(line);
    }
  }
  if (lines.length > 0) yield lines.join("\r");
}

/** A message's segments. A line that begins like no segment goes on with the one before: senders break long text. */
export function parseMessage(text: string, encoding: string): Message {
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
  for (const line of text.split("\r")) {
    const last = segments.at(-1);
    if (/^[A-Z][A-Z0-9]{2}$/.test(line.slice(0, 3)) && (line.length === 3 || line[3] === field)) {
      const fields = line.split(field);
      if (fields[0] === "MSH") fields.splice(1, 0, field);
      segments.push({ name: line.slice(0, 3), fields });
    } else if (last) {
      last.fields[last.fields.length - 1] += `\n${line}`;
    }
  }
  return { segments, delimiters, encoding };
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

/** Resolves escape sequences: delimiters, line breaks, bytes in hex; highlighting and the like is dropped. */
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
  const sequence = new RegExp(`${quoted}(F|S|T|R|E|H|N|X[0-9A-Fa-f]+|\\.[a-z]{2}\\s*[+-]?\\d*)${quoted}`, "g");
  return text.replace(sequence, (_all, code: string) => {
    if (code.startsWith("X")) return decode(Buffer.from(code.slice(1), "hex"), encoding);
    if (code.startsWith(".")) return layout(code);
    return plain[code] ?? "";
  });
}

/** Formatting commands of FT fields: lines and blanks. */
function layout(command: string): string {
  const count = Math.min(Math.max(Number.parseInt(command.slice(3), 10) || 1, 1), 50);
  if (/^\.(br|ce)/.test(command)) return "\n";
  if (command.startsWith(".sp")) return "\n".repeat(count);
  return command.startsWith(".sk") ? " ".repeat(count) : "";
}
