// Writes the binary samples (PDF, Word, PNG) and those that carry one. Deterministic: the same bytes on every run.
// Usage: node samples/generate.mjs
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { deflateSync } from "node:zlib";
import { createRequire } from "node:module";
import { createCanvas, loadImage } from "@napi-rs/canvas";
import JSZip from "jszip";
import { PDFParse } from "pdf-parse";
import PDFDocument from "pdfkit";

const folder = new URL("./documents/", import.meta.url);
mkdirSync(folder, { recursive: true });
const fonts = `${dirname(createRequire(import.meta.url).resolve("pdfjs-dist/package.json"))}/standard_fonts/`;
const when = new Date("2025-03-14T09:30:00Z");
const save = (name, bytes) => writeFileSync(new URL(name, folder), bytes);

function pdf(draw, options = {}) {
  const document = new PDFDocument({ size: "A4", margin: 60, info: { CreationDate: when, ModDate: when }, ...options });
  const chunks = [];
  document.on("data", (chunk) => chunks.push(chunk));
  const done = new Promise((resolve) => document.on("end", () => resolve(Buffer.concat(chunks))));
  draw(document);
  document.end();
  return done;
}

function heading(document, text) {
  document.moveDown().font("Helvetica-Bold").fontSize(13).text(text).font("Helvetica").fontSize(11).moveDown(0.3);
}

const discharge = await pdf((d) => {
  d.info.Title = "Discharge summary";
  d.font("Helvetica-Bold").fontSize(18).text("Riverbend General Hospital").fontSize(14).text("Discharge summary");
  d.font("Helvetica").fontSize(11).moveDown();
  d.text("Patient: Oskar Lindqvist     Born: 4 May 1951     MRN: RB-204417");
  d.text("Admitted: 6 March 2025     Discharged: 14 March 2025     Consultant: Dr Amara Nwosu");
  heading(d, "Diagnoses");
  d.text("1. Acute decompensated heart failure with reduced ejection fraction (LVEF 30 %).");
  d.text("2. Paroxysmal atrial fibrillation, CHA2DS2-VASc 4.");
  d.text("3. Chronic kidney disease stage 3b.");
  heading(d, "Presenting complaint");
  d.text("Ten days of worsening breathlessness, orthopnoea with four pillows and swelling of both legs to the knee. Weight up 7 kg since the last clinic visit. He had stopped furosemide because of frequent urination at night.");
  d.addPage();
  heading(d, "Hospital course");
  d.text("Treated with intravenous furosemide 80 mg twice daily for five days, with a net loss of 8.4 litres and a weight of 78.2 kg on discharge. Echocardiography showed global hypokinesia and moderate functional mitral regurgitation. Apixaban was started for atrial fibrillation after discussion of bleeding risk. Potassium fell to 3.1 mmol/L on day three and was replaced by mouth.");
  heading(d, "Procedures");
  d.text("Transthoracic echocardiogram 7 March 2025. Right pleural tap 8 March 2025, 900 ml straw-coloured fluid, transudate.");
  d.addPage();
  heading(d, "Medication on discharge");
  d.text("Bisoprolol 2.5 mg once daily\nSacubitril/valsartan 24/26 mg twice daily (new)\nSpironolactone 25 mg once daily (new)\nFurosemide 40 mg twice daily\nApixaban 5 mg twice daily (new)\nIbuprofen STOPPED: heart failure and kidney disease");
  heading(d, "Follow-up");
  d.text("Heart failure nurse in one week with daily weights. Renal function and potassium on 21 March 2025. Cardiology clinic in six weeks to consider a defibrillator.");
});
save("discharge-summary.pdf", discharge);

const radiology = await pdf((d) => {
  d.info.Title = "CT pulmonary angiogram";
  d.font("Helvetica-Bold").fontSize(16).text("Radiology report: CT pulmonary angiogram").font("Helvetica").fontSize(11);
  d.moveDown().text("Patient: Beatriz Almeida     Born: 19 November 1978     Accession: CT-25-08812");
  heading(d, "Clinical information");
  d.text("Pleuritic chest pain and a swollen left calf, two weeks after knee arthroscopy. D-dimer 2,950 ng/ml.");
  heading(d, "Findings");
  d.text("Filling defects in the right lower lobe segmental arteries and in a lingular branch. No saddle embolus. RV/LV ratio 0.8. A 6 mm solid nodule in the left upper lobe. No effusion.");
  heading(d, "Impression");
  d.text("1. Acute segmental pulmonary emboli, right lower lobe and lingula, without right heart strain.\n2. Solitary pulmonary nodule of 6 mm: CT in 6 to 12 months is recommended (Fleischner).");
});
save("radiology-ct-chest.pdf", radiology);

const locked = { userPassword: "orchid", ownerPassword: "lily" };
save("encrypted-referral.pdf", await pdf((d) => d.text("This page can't be read without the password."), locked));

save("corrupt-lab-report.pdf", Buffer.concat([Buffer.from("%PDF-1.7\n"), discharge.subarray(400, 900)]));

const crcTable = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function pngChunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  let crc = 0xffffffff;
  for (const byte of body) crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
  return Buffer.concat([length, body, sum]);
}

/** A page as a scanner sees it: black or white, a row of booleans for each row of pixels. */
async function scan(draw, { size = [420, 260], dpi = 200 } = {}) {
  const page = await pdf(draw, { size, margin: 24 });
  const parser = new PDFParse({ data: new Uint8Array(page), disableFontFace: true, standardFontDataUrl: fonts });
  const { pages } = await parser.getScreenshot({ scale: dpi / 72, imageDataUrl: false });
  await parser.destroy();
  const drawn = await loadImage(Buffer.from(pages[0].data));
  const context = createCanvas(drawn.width, drawn.height).getContext("2d");
  context.drawImage(drawn, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, drawn.width, drawn.height);
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => data[(y * width + x) * 4] < 140),
  );
}

/** A quarter turn clockwise. */
const turned = (rows) => rows[0].map((_, x) => rows.map((row) => row[x]).reverse());

/** Eight pixels a byte, each row from a byte of its own. */
function packed(row, ink) {
  const bytes = Buffer.alloc(Math.ceil(row.length / 8), ink ? 0 : 255);
  for (const [x, isInk] of row.entries()) if (isInk) bytes[x >> 3] ^= 0x80 >> (x & 7);
  return bytes;
}

function png(rows) {
  const size = Buffer.alloc(13);
  size.writeUInt32BE(rows[0].length, 0);
  size.writeUInt32BE(rows.length, 4);
  size.set([1, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    pngChunk("IHDR", size),
    pngChunk("IDAT", deflateSync(Buffer.concat(rows.flatMap((row) => [Buffer.alloc(1), packed(row, false)])))),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

/** Pages as a fax machine stores them; `dpi` across and down. */
function tiff(pages, [dpiX, dpiY]) {
  const parts = [Buffer.from("49492a0000000000", "hex")];
  let [at, link] = [8, { buffer: parts[0], place: 4 }];
  for (const rows of pages) {
    const data = deflateSync(Buffer.concat(rows.map((row) => packed(row, true))));
    const padded = Buffer.concat([data, Buffer.alloc(data.length % 2)]);
    const directoryAt = at + padded.length;
    const tags = [
      [256, 4, rows[0].length], [257, 4, rows.length], [258, 3, 1], [259, 3, 8], [262, 3, 0], [273, 4, at],
      [277, 3, 1], [278, 4, rows.length], [279, 4, data.length], [282, 5, 0], [283, 5, 8], [296, 3, 2],
    ];
    const directory = Buffer.alloc(2 + tags.length * 12 + 4 + 16);
    const numbersAt = 2 + tags.length * 12 + 4;
    directory.writeUInt16LE(tags.length, 0);
    for (const [index, [tag, type, value]] of tags.entries()) {
      directory.writeUInt16LE(tag, 2 + index * 12);
      directory.writeUInt16LE(type, 4 + index * 12);
      directory.writeUInt32LE(1, 6 + index * 12);
      directory.writeUInt32LE(type === 5 ? directoryAt + numbersAt + value : value, 10 + index * 12);
    }
    for (const [index, number] of [dpiX, 1, dpiY, 1].entries()) directory.writeUInt32LE(number, numbersAt + index * 4);
    link.buffer.writeUInt32LE(directoryAt, link.place);
    link = { buffer: directory, place: 2 + tags.length * 12 };
    parts.push(padded, directory);
    at = directoryAt + directory.length;
  }
  return Buffer.concat(parts);
}

const card = await scan((d) => {
  d.font("Helvetica-Bold").fontSize(16).text("Referral card").font("Helvetica").fontSize(12).moveDown(0.5);
  d.text("Patient: Ingrid Solberg, born 8 January 1984");
  d.text("Sesame seed: food challenge passed without reaction.");
  d.text("The allergy entry for sesame may be removed.");
});
save("scanned-referral-card.png", png(card));
const letter = await scan((d) => {
  d.font("Helvetica").fontSize(12).text("Dear colleague,").moveDown(0.5);
  d.text("Mr Tobias Ferreira was seen in the sleep clinic on 3 April 2025.");
  d.text("Polysomnography shows severe obstructive sleep apnoea with an index of 41 events an hour.");
  d.text("Nocturnal positive pressure at 9 cm of water was started.");
});
// Laid on the glass sideways.
save("scanned-letter.pdf", await pdf((d) => d.image(png(turned(letter)), 60, 60, { width: 260 })));
save(
  "faxed-consult-mixed.pdf",
  await pdf((d) => {
    d.fontSize(12).text("Fax cover sheet: Dermatology consult for Yusuf Demir, born 2 February 1990.");
    d.text("Biopsy of the left forearm: psoriasis vulgaris. Start calcipotriol with betamethasone foam once daily.");
    d.addPage().image(png(card), 40, 60, { width: 420 });
  }),
);
const results = await scan((d) => {
  d.font("Helvetica").fontSize(12).text("Laboratory results for Amina Okafor, born 30 June 1967").moveDown(0.5);
  d.text("Ferritin 8 micrograms per litre, haemoglobin 9.1 grams per decilitre.");
  d.text("Iron deficiency anaemia: please arrange an upper endoscopy.");
});
const empty = results.map((row) => row.map(() => false));
// A fax has half as many rows as columns; the second sheet went in upside down, the third has nothing on it.
const coarse = (rows) => rows.filter((_, y) => y % 2 === 0);
save("faxed-results.tif", tiff([results, turned(turned(letter)), empty].map(coarse), [200, 100]));
save("blank-page.pdf", await pdf(() => {}));

const contentTypes = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/><Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/><Override PartName="/word/header1.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.header+xml"/></Types>`;
const rels = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`;
const documentRels = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/header" Target="header1.xml"/></Relationships>`;
const ns = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`;
const styles = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:styles ${ns}><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/></w:style><w:style w:type="paragraph" w:styleId="Heading2"><w:name w:val="heading 2"/></w:style></w:styles>`;
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const paragraph = (text, style) =>
  `<w:p>${style ? `<w:pPr><w:pStyle w:val="${style}"/></w:pPr>` : ""}<w:r><w:t xml:space="preserve">${escape(text)}</w:t></w:r></w:p>`;
const table = (rows) =>
  `<w:tbl>${rows.map((row) => `<w:tr>${row.map((cell) => `<w:tc>${paragraph(cell)}</w:tc>`).join("")}</w:tr>`).join("")}</w:tbl>`;

async function docx(header, body) {
  const zip = new JSZip();
  const options = { date: when, createFolders: false };
  const xml = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`;
  zip.file("[Content_Types].xml", contentTypes, options);
  zip.file("_rels/.rels", rels, options);
  zip.file("word/document.xml", `${xml}<w:document ${ns}><w:body>${body}<w:sectPr><w:headerReference w:type="default" r:id="rId2"/></w:sectPr></w:body></w:document>`, options);
  zip.file("word/_rels/document.xml.rels", documentRels, options);
  zip.file("word/styles.xml", styles, options);
  zip.file("word/header1.xml", `${xml}<w:hdr ${ns}>${paragraph(header)}</w:hdr>`, options);
  return zip.generateAsync({ type: "nodebuffer", compression: "DEFLATE" });
}

save(
  "rheumatology-consult.docx",
  await docx(
    "Harbour Rheumatology Centre · Patient: Ingrid Solberg · MRN HR-55120",
    paragraph("Consultation letter", "Heading1") +
      paragraph("Dear Dr Whitfield, thank you for referring this 46-year-old teacher with six months of joint pain.") +
      paragraph("Assessment", "Heading2") +
      paragraph("Seropositive rheumatoid arthritis with symmetrical synovitis of the wrists and metacarpophalangeal joints, DAS28 5.1.") +
      paragraph("Laboratory", "Heading2") +
      table([["Test", "Result", "Reference"], ["Anti-CCP", "184 U/ml", "< 20"], ["Rheumatoid factor", "96 IU/ml", "< 14"], ["CRP", "32 mg/l", "< 5"]]) +
      paragraph("Plan", "Heading2") +
      paragraph("Methotrexate 15 mg once weekly with folic acid 5 mg the day after. Baseline chest radiograph and hepatitis serology. Review in eight weeks."),
  ),
);
save(
  "physiotherapy-referral.docx",
  await docx(
    "Northgate Family Practice · Patient: Kofi Mensah",
    paragraph("Referral for physiotherapy", "Heading1") +
      paragraph("Adhesive capsulitis of the right shoulder for four months, external rotation limited to 15 degrees. Type 2 diabetes, HbA1c 58 mmol/mol.") +
      paragraph("Request", "Heading2") +
      paragraph("Please assess and treat with graded mobilisation. A glenohumeral steroid injection was given on 3 February 2025."),
  ),
);

const hl7 = (...segments) => `${segments.join("\r")}\r`;
save(
  "hl7-mdm-with-pdf.hl7",
  hl7(
    "MSH|^~\\&|DICT|RIVERBEND|SLUICE|ARCHIVE|20250310113000||MDM^T02^MDM_T02|MSG00077|P|2.5.1",
    "EVN|T02|20250310113000",
    "PID|1||RB-310045^^^RIVERBEND^MR||Castellano^Lucia^M||19630822|F",
    "TXA|1|OP^Operative note|FT|20250309|||20250310112500||||||DOC-9981||||AU",
    "OBX|1|TX|OPN^Operative note||Laparoscopic cholecystectomy for symptomatic gallstones. Critical view of safety obtained.||||||F",
    "OBX|2|TX|OPN^Operative note||Estimated blood loss 20 ml. No drain. Home the same day.||||||F",
    `OBX|3|ED|PDF^Signed radiology report||^application^pdf^Base64^${radiology.toString("base64")}||||||F`,
  ),
);
save(
  "fhir-diagnostic-report.json",
  `${JSON.stringify(
    {
      resourceType: "DiagnosticReport",
      id: "dr-ct-1",
      status: "final",
      code: { coding: [{ system: "http://loinc.org", code: "79087-1", display: "CT Chest vessels with contrast" }], text: "CT pulmonary angiogram" },
      subject: { reference: "Patient/almeida", display: "Beatriz Almeida" },
      effectiveDateTime: "2025-02-11T16:05:00+00:00",
      issued: "2025-02-11T17:40:00Z",
      conclusion: "Segmental pulmonary emboli without right heart strain; anticoagulation with rivaroxaban advised.",
      presentedForm: [{ contentType: "application/pdf", title: "ct-report.pdf", data: radiology.toString("base64") }],
    },
    null,
    1,
  )}\n`,
);

// ── Office, mail, archives ──────────────────────────────────────────────────────────────────────────────────

const xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`;
async function packageOf(files, compressed = true) {
  const zip = new JSZip();
  for (const [name, content] of Object.entries(files))
    // OpenDocument wants its type first and as it is.
    zip.file(name, content, { date: when, createFolders: false, compression: compressed && name !== "mimetype" ? "DEFLATE" : "STORE" });
  return zip.generateAsync({ type: "nodebuffer" });
}
const relations = (...targets) =>
  `${xmlHead}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${targets
    .map(([type, target], i) => `<Relationship Id="rId${i + 1}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/${type}" Target="${target}"/>`)
    .join("")}</Relationships>`;

const sheet = (rows) =>
  `${xmlHead}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>${rows
    .map((row, r) => `<row r="${r + 1}">${row.map((cell, c) => {
        const at = `${String.fromCharCode(65 + c)}${r + 1}`;
        return typeof cell === "number" ? `<c r="${at}"><v>${cell}</v></c>` : `<c r="${at}" t="inlineStr"><is><t>${escape(cell)}</t></is></c>`;
      }).join("")}</row>`)
    .join("")}</sheetData></worksheet>`;
save(
  "renal-clinic-results.xlsx",
  await packageOf({
    "[Content_Types].xml": `${xmlHead}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`,
    "_rels/.rels": relations(["officeDocument", "xl/workbook.xml"]),
    "xl/workbook.xml": `${xmlHead}<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Transplant follow-up" sheetId="1" r:id="rId1"/><sheet name="Doses" sheetId="2" r:id="rId2"/></sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": relations(["worksheet", "worksheets/sheet1.xml"], ["worksheet", "worksheets/sheet2.xml"]),
    "xl/worksheets/sheet1.xml": sheet([["Month", "Creatinine (umol/l)", "Tacrolimus trough (ug/l)", "Remark"], ["January", 118, 7.4, "stable graft function"], ["February", 131, 9.8, "dose reduced"], ["March", 121, 6.9, "BK virus not detected"]]),
    "xl/worksheets/sheet2.xml": sheet([["Drug", "Dose"], ["Tacrolimus", "2 mg twice daily"], ["Mycophenolate", "500 mg twice daily"]]),
  }),
);

const slide = (title, ...lines) =>
  `${xmlHead}<p:sld xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><p:cSld><p:spTree>${[[title, "title"], [lines, "body"]]
    .map(([text, type]) => `<p:sp><p:nvSpPr><p:cNvPr id="1" name="${type}"/><p:cNvSpPr/><p:nvPr><p:ph type="${type}"/></p:nvPr></p:nvSpPr><p:txBody>${[text].flat().map((line) => `<a:p><a:r><a:t>${escape(line)}</a:t></a:r></a:p>`).join("")}</p:txBody></p:sp>`)
    .join("")}</p:spTree></p:cSld></p:sld>`;
save(
  "tumour-board.pptx",
  await packageOf({
    "[Content_Types].xml": `${xmlHead}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/ppt/presentation.xml" ContentType="application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"/></Types>`,
    "_rels/.rels": relations(["officeDocument", "ppt/presentation.xml"]),
    "ppt/presentation.xml": `${xmlHead}<p:presentation xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><p:sldIdLst><p:sldId id="256" r:id="rId1"/><p:sldId id="257" r:id="rId2"/></p:sldIdLst></p:presentation>`,
    "ppt/_rels/presentation.xml.rels": relations(["slide", "slides/slide1.xml"], ["slide", "slides/slide2.xml"]),
    "ppt/slides/slide1.xml": slide("Tumour board, case 4", "Sigmoid adenocarcinoma, cT3 cN1 cM0", "MSI-high, KRAS wild type"),
    "ppt/slides/slide2.xml": slide("Recommendation", "Laparoscopic sigmoid resection", "Neoadjuvant immunotherapy is to be discussed"),
  }),
);

save(
  "hospice-letter.odt",
  await packageOf({
    mimetype: "application/vnd.oasis.opendocument.text",
    "META-INF/manifest.xml": `${xmlHead}<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.text"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>`,
    "content.xml": `${xmlHead}<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text><text:h text:outline-level="1">Palliative care letter</text:h><text:p>Mrs Novakova prefers to stay at home; her daughter lives with her.</text:p><text:h text:outline-level="2">Symptoms</text:h><text:p>Breathlessness at rest is eased by low-dose morphine and a hand-held fan.</text:p></office:text></office:body></office:document-content>`,
  }),
);

save(
  "social-work-report.rtf",
  "{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0 Arial;}}\\b Social work report\\b0\\par Mr Dvo\\u345?\\'e1k lives alone on the third floor without a lift.\\par A stair-climbing aid and home help twice a week were applied for.\\par}\r\n",
);

save(
  "ward-glucose.csv",
  "Patient,Time,Glucose (mmol/l),Insulin (units)\r\nBay 3 bed 1,07:30,6.8,4\r\nBay 3 bed 2,07:35,14.2,10\r\nBay 3 bed 3,07:40,9.1,6\r\n",
);

const mail = [
  "From: Ward 7 <ward7@hospital.example>",
  "To: Dr Lindqvist <lindqvist@practice.example>",
  "Subject: Discharge of your patient",
  "Date: Fri, 14 Mar 2025 09:30:00 +0000",
  "MIME-Version: 1.0",
  'Content-Type: multipart/mixed; boundary="part"',
  "",
  "--part",
  "Content-Type: text/plain; charset=utf-8",
  "",
  "Dear Dr Lindqvist, your patient went home today with a long-term urinary catheter; the district nurse knows.",
  "",
  "--part",
  'Content-Type: text/plain; name="catheter-care.txt"',
  'Content-Disposition: attachment; filename="catheter-care.txt"',
  "",
  "Change the catheter every twelve weeks; next change in the first week of June.",
  "",
  "--part--",
  "",
].join("\r\n");
save("discharge-mail.eml", mail);
save(
  "admission-bundle.zip",
  await packageOf({
    "notes/triage.txt": "Triage: syncope while gardening, no head injury, pulse 38 and regular.\n",
    "notes/ecg.txt": "ECG: third-degree atrioventricular block, ventricular rate 38 per minute.\n",
    "mail.eml": mail,
  }),
);
