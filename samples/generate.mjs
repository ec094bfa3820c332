// Writes the binary samples (PDF, Word, PNG) and those that carry one. Deterministic: the same bytes on every run.
// Usage: node samples/generate.mjs
import { mkdirSync, writeFileSync } from "node:fs";
import { deflateSync } from "node:zlib";
import JSZip from "jszip";
import PDFDocument from "pdfkit";

const folder = new URL("./documents/", import.meta.url);
mkdirSync(folder, { recursive: true });
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

/** Letters of 5 by 7 pixels, enough for a stamp on a scan. */
const glyphs = {
  C: "01110100011000010000100001000101110", E: "11111100001000011110100001000011111", F: "11111100001000011110100001000010000",
  R: "11110100011000111110101001001010001", A: "01110100011000111111100011000110001", L: "10000100001000010000100001000011111",
  S: "01111100001000001110000010000111110", N: "10001110011010110011100011000110001", D: "11110100011000110001100011000111110",
  " ": "0".repeat(35),
};

function scan(lines, scale = 6) {
  const [width, height] = [720, 60 + lines.length * 11 * scale];
  const rows = Array.from({ length: height }, () => Buffer.alloc(width + 1, 255));
  for (const row of rows) row[0] = 0;
  for (const [lineNumber, line] of lines.entries()) {
    for (const [column, letter] of [...line].entries()) {
      for (const [bit, on] of [...(glyphs[letter] ?? glyphs[" "])].entries()) {
        if (on !== "1") continue;
        const [x, y] = [30 + (column * 6 + (bit % 5)) * scale, 30 + (lineNumber * 11 + Math.floor(bit / 5)) * scale];
        for (let dy = 0; dy < scale; dy += 1) rows[y + dy].fill(20, x + 1, x + 1 + scale);
      }
    }
  }
  const size = Buffer.alloc(13);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  size.set([8, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    pngChunk("IHDR", size),
    pngChunk("IDAT", deflateSync(Buffer.concat(rows))),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

const picture = scan(["REFERRAL CARD", "ALLERGEN  SEED", "CLEARED"]);
save("scanned-referral-card.png", picture);
save("scanned-letter.pdf", await pdf((d) => d.image(picture, 40, 60, { width: 500 })));
save(
  "faxed-consult-mixed.pdf",
  await pdf((d) => {
    d.fontSize(12).text("Fax cover sheet: Dermatology consult for Yusuf Demir, born 2 February 1990.");
    d.text("Biopsy of the left forearm: psoriasis vulgaris. Start calcipotriol with betamethasone foam once daily.");
    d.addPage().image(picture, 40, 60, { width: 500 });
  }),
);
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
