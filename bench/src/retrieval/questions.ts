import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const data = join(root, "bench/data/retrieval");
/** The samples that questions are asked about, and some that are only in the way. */
const samples = [
  "care-plan.md",
  "discharge-summary.pdf",
  "emergency-note.txt",
  "hospice-letter.odt",
  "lab-table.html",
  "nursing-handover.txt",
  "paediatrics-note.txt",
  "physiotherapy-referral.docx",
  "progress-note.html",
  "psychiatry-note.txt",
  "radiology-ct-chest.pdf",
  "rheumatology-consult.docx",
  "social-work-report.rtf",
];

const Question = z.strictObject({
  question: z.string(),
  answers: z.array(z.strictObject({ document: z.string(), quote: z.string() })).min(1),
});
export type Question = z.infer<typeof Question>;

export async function questionsOf(half: "open" | "frozen"): Promise<Question[]> {
  const lines = (await readFile(join(data, `questions-${half}.jsonl`), "utf8")).trim().split("\n");
  return lines.map((line) => Question.parse(JSON.parse(line)));
}

export async function corpusFiles(): Promise<string[]> {
  const notes = (await readdir(join(data, "notes"))).sort().map((name) => join(data, "notes", name));
  return [...notes, ...samples.map((name) => join(root, "samples/documents", name))];
}

const plain = (text: string) => text.normalize("NFKC").replace(/\s+/g, " ").toLowerCase();

/** The passages that answer a question: of the named file, holding the quote. */
export function answersTo(
  { answers }: Question,
  passages: { id: string; fileName: string; text: string }[],
): ReadonlySet<string> {
  return new Set(
    answers.flatMap(({ document, quote }) =>
      passages
        .filter(({ fileName, text }) => fileName === basename(document) && plain(text).includes(plain(quote)))
        .map(({ id }) => id),
    ),
  );
}
