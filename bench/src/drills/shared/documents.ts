import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import JSZip from "jszip";
import { random, text } from "../../corpus.js";

export interface DrillFile {
  name: string;
  bytes: Buffer;
  externalId?: string;
  /** What it must fail with. */
  fails?: string;
}
/** Requests that are sent one after the other, each when the one before was answered; a request holds one file or several. */
export type Shipment = DrillFile[][];

export interface Corpus {
  seed: number;
  shipments: Shipment[];
  /** Held back by the drill that cancels them; the others send them like the rest. */
  doomed: DrillFile[];
}

const samples = [
  "admission-bundle.zip",
  "care-plan.md",
  "ccda-discharge-summary.xml",
  "discharge-mail.eml",
  "discharge-summary.pdf",
  "fhir-bundle.json",
  "fhir-document-reference.json",
  "hl7-batch.hl7",
  "hl7-lab-result.hl7",
  "hl7-mdm-with-pdf.hl7",
  "hospice-letter.odt",
  "lab-table.html",
  "renal-clinic-results.xlsx",
  "rheumatology-consult.docx",
  "scanned-referral-card.png",
  "social-work-report.rtf",
  "tumour-board.pptx",
  "ward-glucose.csv",
];
const failingSamples: Record<string, string> = { "encrypted-referral.pdf": "document_encrypted" };

/** A name for a document that is the same in every run: what identifies it, as the database sees it. */
export function keyOf(file: DrillFile): string {
  return file.externalId === undefined
    ? `bytes ${createHash("sha256").update(file.bytes).digest("hex")}`
    : `named ${file.externalId}`;
}

async function sample(name: string): Promise<Buffer> {
  return readFile(new URL(`../../../../samples/documents/${name}`, import.meta.url));
}

async function zip(members: Record<string, string>): Promise<Buffer> {
  const archive = new JSZip();
  for (const [name, content] of Object.entries(members)) archive.file(name, content, { date: new Date(0) });
  return archive.generateAsync({ type: "nodebuffer", compression: "DEFLATE" });
}

function mail(i: number, body: string, attached: string): Buffer {
  const lines = [
    `Message-ID: <drill-${i}@example.org>`,
    "From: ward@example.org",
    "To: archive@example.org",
    `Subject: Transfer ${i}`,
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="drill"',
    "",
    "--drill",
    "Content-Type: text/plain; charset=utf-8",
    "",
    body,
    "--drill",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Disposition: attachment; filename="note-${i}.txt"`,
    "",
    attached,
    "--drill--",
    "",
  ];
  return Buffer.from(lines.join("\r\n"));
}

/** Files that can't be read, each with the code it comes to. */
async function hostile(i: number, next: () => number): Promise<DrillFile> {
  switch (i % 4) {
    case 0:
      return {
        name: `broken-${i}.pdf`,
        bytes: Buffer.from(`%PDF-1.4\n% ${i} ${text(next, 2)}\n`),
        fails: "document_corrupt",
      };
    case 1:
      return {
        name: `empty-${i}.html`,
        bytes: Buffer.from(`<!doctype html><html><!-- ${i} --><body></body></html>`),
        fails: "document_empty",
      };
    case 2: {
      const deep = 2_000;
      const xml = `<?xml version="1.0"?><r><!-- ${i} -->${"<a>".repeat(deep)}x${"</a>".repeat(deep)}</r>`;
      return { name: `deep-${i}.xml`, bytes: Buffer.from(xml), fails: "limit_nesting" };
    }
    default: {
      // Cut in the middle of its members: the directory at the end is gone.
      const whole = await zip({ [`a-${i}.txt`]: text(next, 30), [`b-${i}.txt`]: text(next, 30) });
      return {
        name: `cut-${i}.zip`,
        bytes: whole.subarray(0, Math.floor(whole.length / 2)),
        fails: "document_corrupt",
      };
    }
  }
}

const note = (i: number, of: number, next: () => number, sentences: number) =>
  Buffer.from(`Progress note ${of}-${i}\n\n${text(next, sentences)}\n`);

/** A document that takes a parser some seconds. */
export function heavyNote(seed: number, i: number): DrillFile {
  return { name: `heavy-${i}.txt`, bytes: note(i, seed, random(seed + 7_919 * (i + 1)), 60_000) };
}

/** So many documents, the same for a seed: notes, archives and mail with documents in them, samples of other formats, revisions, repeats, and a tenth that can't be read. */
export async function drillCorpus(seed: number, documents: number): Promise<Corpus> {
  const next = random(seed);
  const shipments: Shipment[] = [];
  const singles: DrillFile[] = [];
  for (const name of samples) singles.push({ name, bytes: await sample(name) });
  for (const [name, fails] of Object.entries(failingSamples)) singles.push({ name, bytes: await sample(name), fails });
  // More chunks than one call to the database takes.
  singles.push({ name: "long.txt", bytes: note(0, seed, next, 3_000) });
  const doomed = Array.from({ length: 8 }, (_, i) => ({
    name: `doomed-${i}.txt`,
    bytes: note(i, seed + 1, next, 400),
  }));
  for (let i = singles.length + doomed.length; i < documents; i++) {
    const kind = i % 40;
    if (kind % 10 === 0) singles.push(await hostile(i / 10, next));
    else if (kind === 1)
      singles.push({
        name: `bundle-${i}.zip`,
        bytes: await zip({ "a.txt": `A ${i} ${text(next, 9)}`, "b.txt": `B ${i} ${text(next, 9)}` }),
      });
    else if (kind === 2) singles.push({ name: `mail-${i}.eml`, bytes: mail(i, text(next, 6), text(next, 8)) });
    else if (kind === 3) {
      const revision = (n: number) => ({
        name: `letter-${i}.txt`,
        externalId: `drill-${i}`,
        bytes: note(i, n, next, 10),
      });
      shipments.push([[revision(1)], [revision(2)]]);
    } else {
      const file = { name: `note-${i}.txt`, bytes: note(i, seed, next, 4 + Math.floor(next() * 30)) };
      singles.push(file);
      if (kind === 4) shipments.push([[{ ...file, name: `again-${i}.txt` }]]);
    }
  }
  while (singles.length > 0) shipments.push([singles.splice(0, 1 + Math.floor(next() * 5))]);
  // Shuffled, so that no kind comes all at once.
  for (let i = shipments.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [shipments[i], shipments[j]] = [shipments[j] as Shipment, shipments[i] as Shipment];
  }
  return { seed, shipments, doomed };
}
