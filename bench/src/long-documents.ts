import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import JSZip from "jszip";
import { random, text } from "./corpus.js";

/**
 * Some hundred pages, as a long stay in hospital leaves them: what a file costs by itself, a millisecond or two for its messages and
 * checks, is told apart from what its pages cost.
 */
const chapters = 400;
const sentences = 40;

/** Paragraphs of a chapter each, the same on every machine. */
function paragraphs(): string[] {
  const next = random(11);
  return Array.from({ length: chapters }, () => text(next, sentences));
}
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => [
    `2024-01-${String(1 + (i % 28)).padStart(2, "0")}`,
    "Potassium",
    `${3 + (i % 20) / 10}`,
    "mmol/L",
  ]);

const wordNamespace = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
const relations = (target: string, type: string) =>
  `<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/${type}" Target="${target}"/></Relationships>`;
const contentTypes = (part: string, type: string) =>
  `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="${part}" ContentType="application/vnd.openxmlformats-officedocument.${type}+xml"/></Types>`;

function zip(members: Record<string, string>): Promise<Buffer> {
  const archive = new JSZip();
  for (const [name, content] of Object.entries(members)) archive.file(name, content);
  return archive.generateAsync({ type: "nodebuffer", compression: "DEFLATE" });
}

function docx(): Promise<Buffer> {
  const body = paragraphs()
    .map(
      (each, i) =>
        `<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Day ${i}</w:t></w:r></w:p><w:p><w:r><w:t>${each}</w:t></w:r></w:p>`,
    )
    .join("");
  return zip({
    "[Content_Types].xml": contentTypes("/word/document.xml", "wordprocessingml.document.main"),
    "_rels/.rels": relations("word/document.xml", "officeDocument"),
    "word/document.xml": `<?xml version="1.0"?><w:document ${wordNamespace}><w:body>${body}</w:body></w:document>`,
  });
}

function xlsx(): Promise<Buffer> {
  const cells = rows(5_000)
    .map(
      (row, i) =>
        `<row r="${i + 1}">${row.map((cell, c) => `<c r="${"ABCD"[c]}${i + 1}" t="inlineStr"><is><t>${cell}</t></is></c>`).join("")}</row>`,
    )
    .join("");
  const main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
  const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  return zip({
    "[Content_Types].xml": contentTypes("/xl/workbook.xml", "spreadsheetml.sheet.main"),
    "_rels/.rels": relations("xl/workbook.xml", "officeDocument"),
    "xl/_rels/workbook.xml.rels": relations("worksheets/sheet1.xml", "worksheet"),
    "xl/workbook.xml": `<?xml version="1.0"?><workbook xmlns="${main}" xmlns:r="${office}"><sheets><sheet name="Results" sheetId="1" r:id="r1"/></sheets></workbook>`,
    "xl/worksheets/sheet1.xml": `<?xml version="1.0"?><worksheet xmlns="${main}"><sheetData>${cells}</sheetData></worksheet>`,
  });
}

function ccda(): string {
  const sections = paragraphs()
    .map(
      (each, i) =>
        `<component><section><code code="10164-2" codeSystem="2.16.840.1.113883.6.1"/><title>Day ${i}</title><text><paragraph>${each}</paragraph></text></section></component>`,
    )
    .join("");
  return `<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/><id root="1.2.3.4" extension="long"/><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><title>Summary</title><effectiveTime value="20240102"/><recordTarget><patientRole><id root="1.2.3" extension="long"/></patientRole></recordTarget><component><structuredBody>${sections}</structuredBody></component></ClinicalDocument>`;
}

function fhir(): string {
  const observations = rows(1_500).map(([date, name, value, unit], i) => ({
    resource: {
      resourceType: "Observation",
      id: `o${i}`,
      status: "final",
      code: { text: name },
      effectiveDateTime: date,
      valueQuantity: { value: Number(value), unit },
    },
  }));
  return JSON.stringify({ resourceType: "Bundle", type: "collection", entry: observations });
}

function hl7(): string {
  const results = rows(2_000).map(
    ([date, name, value, unit], i) =>
      `OBX|${i + 1}|NM|2823-3^${name}^LN||${value}|${unit}|3.5-5.1|N|||F|||${date?.replaceAll("-", "")}`,
  );
  return [
    "MSH|^~\\&|LAB|CLINIC|EHR|CLINIC|20240102||ORU^R01|1|P|2.5.1",
    "PID|1||long^^^CLINIC||Example^Long",
    "OBR|1||1|24323-8^Panel^LN",
    ...results,
  ].join("\r");
}

/** A long document of each kind that has length, by file name. */
export async function writeLongDocuments(folder: string): Promise<string[]> {
  const all = paragraphs();
  const documents: Record<string, string | Buffer> = {
    "long.txt": all.join("\n\n"),
    "long.md": all.map((each, i) => `# Day ${i}\n\n${each}`).join("\n\n"),
    "long.html": `<!doctype html><html><body>${all.map((each, i) => `<h1>Day ${i}</h1><p>${each}</p>`).join("")}</body></html>`,
    "long.csv": ["date,test,value,unit", ...rows(8_000).map((row) => row.join(","))].join("\n"),
    "long.rtf": `{\\rtf1\\ansi ${all.map((each) => `${each}\\par `).join("")}}`,
    "long.eml": `From: a@example.org\r\nTo: b@example.org\r\nSubject: Stay\r\nDate: Tue, 2 Jan 2024 10:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${all.join("\r\n\r\n")}\r\n`,
    "long.docx": await docx(),
    "long.xlsx": await xlsx(),
    "long-ccda.xml": ccda(),
    "long-fhir.json": fhir(),
    "long.hl7": hl7(),
  };
  const files: string[] = [];
  for (const [name, content] of Object.entries(documents)) {
    const file = join(folder, name);
    await writeFile(file, content);
    files.push(file);
  }
  return files;
}
