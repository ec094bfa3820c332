import { createWriteStream } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import PDFDocument from "pdfkit";

const phrases = [
  "Blood pressure at home between 128/76 and 142/84, no dizziness.",
  "Chest pain on exertion resolved with rest after three minutes.",
  "Metformin 500 mg twice daily was continued without change.",
  "The wound is dry and closed; sutures are to be removed in eight days.",
  "Echocardiogram shows a normal left ventricular ejection fraction of 58 percent.",
  "No known drug allergies. Smoking stopped in 2009.",
  "Creatinine 1.1 mg/dL, potassium 4.3 mmol/L, haemoglobin 13.2 g/dL.",
  "Patient reports sleeping better since the evening dose was moved earlier.",
  "CT of the abdomen without contrast shows no hydronephrosis.",
  "Follow-up with cardiology in six weeks, sooner if symptoms return.",
];

/** A linear congruential generator (Numerical Recipes): the same corpus on every machine. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export function text(next: () => number, sentences: number): string {
  return Array.from({ length: sentences }, () => phrases[Math.floor(next() * phrases.length)]).join(" ");
}

async function pdf(file: string, next: () => number, pages: number): Promise<void> {
  const document = new PDFDocument({ autoFirstPage: false, info: { CreationDate: new Date(0), ModDate: new Date(0) } });
  const out = document.pipe(createWriteStream(file));
  for (let page = 0; page < pages; page++)
    document
      .addPage()
      .fontSize(11)
      .text(`Report ${file.slice(-12)}, page ${page + 1}\n\n${text(next, 22)}`);
  document.end();
  await finished(out);
}

/** One PDF of so many pages. */
export const writePdf = (file: string, pages: number): Promise<void> => pdf(file, random(7), pages);

/** Notes of a page and PDFs of 1 to 10 pages, one PDF to four notes, in `folder`. */
export async function writeCorpus(folder: string, documents: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const next = random(42);
  for (let i = 0; i < documents; i++) {
    if (i % 5 === 0) await pdf(join(folder, `report-${i}.pdf`), next, 1 + Math.floor(next() * 10));
    else
      await writeFile(
        join(folder, `note-${i}.txt`),
        `Progress note ${i}\n\n${text(next, 4 + Math.floor(next() * 20))}\n`,
      );
  }
}

/** Notes of a page only; another seed gives other notes. */
export async function writeNotes(folder: string, notes: number, seed: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const next = random(seed);
  for (let i = 0; i < notes; i++)
    await writeFile(join(folder, `note-${i}.txt`), `Progress note ${seed}-${i}\n\n${text(next, 12)}\n`);
}

/** Every file below a folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
