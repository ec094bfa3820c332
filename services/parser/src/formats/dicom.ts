import { createReadStream } from "node:fs";
import { type Code, SluiceError } from "@sluice/contracts";
import { makeCode, sexWord } from "../reading/codes.js";
import { documentDate, hl7Date } from "../reading/dates.js";
import { type Dataset, type DicomFile, readDicom, tag } from "../reading/dicom.js";
import { bytesEncoding, decode } from "../reading/encoding.js";
import { personName } from "../reading/hl7-header.js";
import { charset } from "../reading/hl7-message.js";
import type { Format, Output } from "./format.js";

/** Documents in DICOM's wrapping, and structured reports. Pictures are for other eyes. */
export const dicom: Format = {
  name: "dicom",
  label: "DICOM",
  family: "dicom",
  recognise: () => 10,
  keeps:
    "The patient, dates and the study's names; a structured report's content as text, indented as it is nested; an encapsulated document as a child. Not pictures: a file with nothing else is `document_type_unsupported`.",
  codes: ["document_type_unsupported", "limit_nesting"],
  limits: ["maxExpandedBytes", "maxDepth", "maxChildren"],
  mediaTypes: ["application/dicom"],
  async parse(source, out, limits) {
    const file = readDicom(source.path, source.size, limits.maxDepth);
    const text = new Texts(file.data);
    const content = file.data.sequences.get(tag.content) ?? [];
    if (!file.document && content.length === 0) throw new SluiceError("document_type_unsupported");
    writeHead(file.data, text, out);
    if (content.length > 0) await writeReport(file.data, text, out);
    if (file.document) await writeDocument(source.path, file, text, out);
  },
};

/** Values as text, in the file's character set. */
class Texts {
  readonly #charset: string;

  constructor({ values }: Dataset) {
    const stated = values.get(tag.charset)?.toString("latin1").split("\\").at(-1) ?? "";
    this.#charset = charsetOf(stated.trim().toUpperCase());
  }

  of({ values }: Dataset, key: number): string {
    const bytes = values.get(key);
    if (!bytes) return "";
    return decode(bytes, bytesEncoding(bytes, this.#charset || null))
      .replace(/[\0 ]+$/, "")
      .replace(/\r\n?/g, "\n")
      .trim();
  }

  /** Parts of a name: its first writing, as `Last^First`. */
  name(data: Dataset, key: number): string {
    return personName((this.of(data, key).split("=")[0] ?? "").split("^"));
  }

  code(data: Dataset, key: number): Code | null {
    const [coded] = data.sequences.get(key) ?? [];
    if (!coded) return null;
    return makeCode(this.of(coded, tag.codeScheme), this.of(coded, tag.codeValue), this.of(coded, tag.codeMeaning));
  }

  /** What a coded element means, in words. */
  meaning(data: Dataset, key: number): string {
    const [coded] = data.sequences.get(key) ?? [];
    return coded ? this.of(coded, tag.codeMeaning) || this.of(coded, tag.codeValue) : "";
  }
}

/** Numbers of ISO's registry for parts of ISO 8859. */
const parts: Readonly<Record<string, number>> = {
  100: 1,
  101: 2,
  109: 3,
  110: 4,
  144: 5,
  127: 6,
  126: 7,
  138: 8,
  148: 9,
};

function charsetOf(stated: string): string {
  const part = parts[/IR (\d+)$/.exec(stated)?.[1] ?? ""];
  if (part) return `iso-8859-${part}`;
  return stated.endsWith("IR 166") ? "windows-874" : charset(stated);
}

function writeHead(data: Dataset, text: Texts, out: Output): void {
  const id = text.of(data, tag.patientId);
  const name = text.name(data, tag.patientName);
  out.patient({
    identifiers: id ? [{ authority: text.of(data, tag.issuer), value: id }] : [],
    names: name ? [name] : [],
    birthDate: hl7Date(text.of(data, tag.birthDate))?.value ?? null,
    sex: sexWord(text.of(data, tag.sex)),
  });
  const title = text.of(data, tag.documentTitle) || text.meaning(data, tag.conceptName);
  out.header({
    title: title || text.of(data, tag.studyDescription) || null,
    type: text.code(data, tag.conceptName),
  });
  const moment = (date: number, time: number) => {
    const day = text.of(data, date);
    return hl7Date(day + text.of(data, time).slice(0, 6)) ?? hl7Date(day);
  };
  const dates = [
    ...documentDate("service", moment(tag.studyDate, tag.studyTime), "(0008,0020)"),
    ...documentDate("authored", moment(tag.contentDate, tag.contentTime), "(0008,0023)"),
  ];
  for (const date of dates) out.date(date);
  const instance = text.of(data, tag.instance);
  if (instance) out.identifier({ system: "urn:dicom:uid", value: instance });
}

const said: readonly [label: string, key: number][] = [
  ["Study", tag.studyDescription],
  ["Series", tag.seriesDescription],
  ["Modality", tag.modality],
  ["Body part", tag.bodyPart],
  ["Accession number", tag.accession],
  ["Institution", tag.institution],
  ["Comments", tag.imageComments],
  ["Completion", tag.completion],
  ["Verification", tag.verification],
];

/** The lines of what is known beside the report itself. */
function about(data: Dataset, text: Texts): string[] {
  const referrer = text.name(data, tag.referrer);
  return [
    ...said.map(([label, key]) => [label, text.of(data, key)] as const),
    ["Referring physician", referrer] as const,
  ].flatMap(([label, value]) => (value ? `${label}: ${value}` : []));
}

async function writeReport(data: Dataset, text: Texts, out: Output): Promise<void> {
  const title = text.meaning(data, tag.conceptName) || null;
  await out.begin({ title, code: text.code(data, tag.conceptName) });
  const lines = [title ?? "", ...about(data, text), ...contentLines(data, text, 0)].filter(Boolean);
  if (lines.length > 0) await out.text(lines.join("\n"));
}

/** A line an item: what it names and what it says of that. */
function contentLines(data: Dataset, text: Texts, depth: number): string[] {
  return (data.sequences.get(tag.content) ?? []).flatMap((each) => {
    const name = text.meaning(each, tag.conceptName);
    const value = valueIn(each, text);
    const line = [name, value].filter(Boolean).join(": ");
    const inner = contentLines(each, text, line ? depth + 1 : depth);
    return line ? [`${"  ".repeat(depth)}${line}`, ...inner] : inner;
  });
}

function valueIn(each: Dataset, text: Texts): string {
  const [measured] = each.sequences.get(tag.measured) ?? [];
  if (measured) return [text.of(measured, tag.number), text.meaning(measured, tag.unitCode)].filter(Boolean).join(" ");
  const coded = text.meaning(each, tag.conceptCode);
  const when = [tag.dateTime, tag.date].map((key) => text.of(each, key)).find(Boolean);
  return (
    text.of(each, tag.text) ||
    coded ||
    (when ? (hl7Date(when)?.value ?? when) : "") ||
    text.of(each, tag.time) ||
    text.name(each, tag.personName)
  );
}

async function writeDocument(path: string, { data, document }: DicomFile, text: Texts, out: Output): Promise<void> {
  if (!document || document.length === 0) return out.warn("attachment_unreadable");
  const lines = about(data, text);
  if (lines.length > 0 && !data.sequences.has(tag.content)) await out.section({ text: lines.join("\n") });
  const stated = data.values.get(tag.documentLength);
  const own = stated?.length === 4 ? stated.readUInt32LE() : 0;
  const length = own > 0 ? Math.min(own, document.length) : document.length;
  await out.child({
    path: "document",
    fileName: null,
    declaredType: text.of(data, tag.documentType) || null,
    bytes: createReadStream(path, { start: document.start, end: document.start + length - 1 }),
  });
}
