import { readFile } from "node:fs/promises";
import JSZip from "jszip";
import PDFDocument from "pdfkit";

/** A person who does not exist, and whose name, numbers and telephone stand nowhere but in what this test sends. */
export const person = {
  name: "Quillandra Vosskuhle",
  record: "QV-88417-00931",
  phone: "+49 5550 1738 842",
  batch: "Vosskuhle transfer Brentwaldo",
};

/** What is looked for. The last stands on a scan and comes out of recognition. */
export const marks = ["Quillandra", "Vosskuhle", "88417-00931", "5550 1738 842", "Brentwaldo", "food challenge passed"];

const sentence = `${person.name}, record ${person.record}, telephone ${person.phone}, was seen by Dr Brentwaldo.`;
const long = Array.from({ length: 30 }, (_, i) => `Note ${i}: ${sentence}`).join("\n\n");

function pdf(text: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const document = new PDFDocument({ info: { Title: person.name, Author: "Brentwaldo" } });
    const parts: Buffer[] = [];
    document.on("data", (part: Buffer) => parts.push(part));
    document.on("end", () => resolve(Buffer.concat(parts)));
    document.text(text);
    document.end();
  });
}

async function zip(files: Record<string, string | Buffer>): Promise<Buffer> {
  const archive = new JSZip();
  for (const [name, content] of Object.entries(files)) archive.file(name, content);
  return archive.generateAsync({ type: "nodebuffer" });
}

const hl7 = [
  "MSH|^~\\&|LAB|HOSPITAL|SLUICE|SLUICE|20260101120000||ORU^R01|MSG-88417-00931|P|2.5",
  `PID|1||${person.record}^^^HOSP^MR||Vosskuhle^Quillandra||19700101|F|||1 Brentwaldo Street^^Town||${person.phone}`,
  "OBR|1|88417-00931|88417-00931|718-7^Hemoglobin^LN|||20260101110000||||||||Brentwaldo^Doctor",
  `OBX|1|NM|718-7^Hemoglobin^LN||13.2|g/dL|12-16|N|||F`,
  `NTE|1||${sentence}`,
].join("\r");
const cda = `<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>${person.name}</title><recordTarget><patientRole><id extension="${person.record}" root="1.2.3"/><patient><name><given>Quillandra</given><family>Vosskuhle</family></name></patient></patientRole></recordTarget>`;
const fhir = {
  resourceType: "Patient",
  identifier: [{ system: "urn:hosp", value: person.record }],
  name: [{ family: "Vosskuhle", given: ["Quillandra"] }],
  telecom: [{ system: "phone", value: person.phone }],
};
const mail = `From: Brentwaldo <brentwaldo@example.org>\r\nTo: x@example.org\r\nSubject: ${person.name}\r\nContent-Type: multipart/mixed; boundary="Quillandra"\r\n\r\n--Quillandra\r\nContent-Type: text/plain\r\n\r\n${sentence}\r\n--Quillandra\r\nContent-Type: application/pdf; name="Vosskuhle.pdf"\r\nContent-Disposition: attachment; filename="Vosskuhle.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(`%PDF-1.4 ${sentence}`).toString("base64")}\r\n--Quillandra--\r\n`;

export interface MarkedFile {
  name: string;
  bytes: Buffer;
}

/** Files that are read, and files of which libraries say what is wrong by quoting them. */
export async function markedFiles(): Promise<MarkedFile[]> {
  const whole = await pdf(long);
  const scan = await readFile(new URL("../../../samples/documents/scanned-referral-card.png", import.meta.url));
  const docx = await readFile(new URL("../../../samples/documents/physiotherapy-referral.docx", import.meta.url));
  const files: Record<string, string | Buffer> = {
    "note.txt": long,
    "note.md": `# ${person.name}\n\n${sentence}`,
    "page.html": `<html><head><title>${person.name}</title></head><body><h1>${person.name}</h1><p>${sentence}</p></body></html>`,
    "table.csv": `name,record,phone\n${person.name},${person.record},${person.phone}\n`,
    "letter.pdf": whole,
    "card.png": scan,
    "result.hl7": hl7,
    "patient.json": JSON.stringify(fhir),
    "mail.eml": mail,
    "archive.zip": await zip({
      "Vosskuhle/Quillandra.txt": `${sentence} in an archive`,
      "Brentwaldo.pdf": `%PDF-1.4\n${sentence}`,
    }),
    // From here on broken.
    "cut.pdf": whole.subarray(0, whole.length / 2),
    "nonsense.pdf": `%PDF-1.7\n1 0 obj << /Type /${person.name} /${person.record} (${sentence}) >> stream\n${long}`,
    "cut.docx": docx.subarray(0, docx.length / 2),
    "wrong.docx": await zip({
      "[Content_Types].xml": `<Types><Vosskuhle Quillandra="${person.record}`,
      "word/document.xml": `<w:document><w:p>${sentence}<Quillandra></w:document>`,
    }),
    "wrong.xlsx": await zip({
      "[Content_Types].xml": "<Types/>",
      "xl/workbook.xml": `<workbook><sheets><sheet name="${person.name}" r:id="Brentwaldo"/></sheets></workbook>`,
    }),
    "cut.xml": cda,
    "wrong.xml": `${cda}<Vosskuhle>&Quillandra;</Brentwaldo></ClinicalDocument>`,
    "wrong.json": `{"resourceType": "Bundle", "type": "document", "entry": [${JSON.stringify(fhir)}, {"Quillandra": Vosskuhle}]}`,
    "wrong-type.json": JSON.stringify({ resourceType: "Bundle", type: person.name, entry: { Vosskuhle: sentence } }),
    "wrong.hl7": `MSH|^~\\&|${person.name}\rPID|${sentence}\rZZZ|${"Brentwaldo~".repeat(50)}`,
    "wrong.eml": `From: ${person.name}\r\nContent-Type: multipart/mixed; boundary="Vosskuhle"\r\nContent-Transfer-Encoding: Brentwaldo\r\n\r\n--Vosskuhle\r\n${sentence}`,
    "wrong.rtf": `{\\rtf1\\ansi {\\Quillandra ${sentence}{{{{\\bin99999 ${person.record}`,
    "wrong.zip": Buffer.concat([(await zip({ "Quillandra.txt": long })).subarray(0, 120), Buffer.from(sentence)]),
    "wrong.png": Buffer.concat([scan.subarray(0, 200), Buffer.from(sentence), scan.subarray(400, 3_000)]),
    "wrong.dcm": Buffer.concat([
      Buffer.alloc(128),
      Buffer.from("DICM"),
      Buffer.from(`\x02\x00\x10\x00UI\xff\x7f${sentence}`),
    ]),
    "unknown.bin": Buffer.concat([Buffer.from([0, 1, 2, 255]), Buffer.from(sentence)]),
  };
  return Object.entries(files).map(([name, bytes]) => ({
    name: `${person.name} ${person.record} ${name}`,
    bytes: Buffer.from(bytes as string),
  }));
}
