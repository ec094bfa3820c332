import type { Output } from "../formats/format.js";
import type { Block } from "./blocks.js";
import { blocksText, writeBlocks } from "./blocks.js";

/** What a mail says, whichever program wrote it. */
export interface MailParts {
  subject: string | null;
  /** Field and value, as readers see them: sender, recipients, date. */
  fields: (readonly [label: string, value: string])[];
  text: string | null;
  /** The body as marked-up text, in blocks. */
  rich: Block[] | null;
}

export interface MailAttachment {
  name: string | null;
  declaredType: string | null;
  bytes: Uint8Array;
  /** A picture that the body shows: it names it. */
  isInline: boolean;
}

/** A picture in a signature is smaller, one that somebody pasted to be read is not. */
export const minPicture = 8_192;

export async function writeMail(out: Output, { subject, fields, text, rich }: MailParts): Promise<void> {
  const title = subject?.replace(/\s+/g, " ").trim() || null;
  await out.begin({ title });
  const said = [["Subject", title ?? ""] as const, ...fields].filter(([, value]) => value.trim());
  if (said.length > 0)
    await out.text(said.map(([label, value]) => `${label}: ${value.replace(/\s+/g, " ").trim()}`).join("\n"));
  const plain = (text ?? "").replace(/\r\n?/g, "\n").trim();
  const missing = rich && linesBeside(blocksText(rich), plain);
  if (!missing || missing.length === 0) {
    if (plain) await out.text(plain, "\n\n");
    return;
  }
  // The marked-up text says something that the plain one does not; what only the plain one says follows it.
  await below(out, rich);
  const rest = linesBeside(plain, blocksText(rich));
  if (rest.length === 0) return;
  out.warn("mail_bodies_differ");
  await out.text(rest.join("\n"), "\n\n");
}

async function below(out: Output, [first, ...rest]: Block[]): Promise<void> {
  if (first) await writeBlocks(out, [{ ...first, gap: "\n\n" }, ...rest]);
}

/** The lines of a text that hold a word more often than another text has it. Where links lead is not said in marked-up text. */
function linesBeside(text: string, other: string): string[] {
  const left = new Map<string, number>();
  for (const word of words(other)) left.set(word, (left.get(word) ?? 0) + 1);
  return text.split("\n").filter((line) => {
    let isSaid = true;
    for (const word of words(line)) {
      const count = left.get(word) ?? 0;
      if (count === 0) isSaid = false;
      else left.set(word, count - 1);
    }
    return !isSaid;
  });
}

function words(text: string): string[] {
  const shown = text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/\b(?:https?:\/\/|www\.|mailto:|tel:|cid:)[^\s<>\]]*|\[image:/g, " ");
  return shown.match(/[\p{L}\p{N}]+/gu) ?? [];
}

export async function writeAttachments(out: Output, attachments: readonly MailAttachment[]): Promise<void> {
  for (const [index, { name, declaredType, bytes, isInline }] of attachments.entries()) {
    if (bytes.length === 0) {
      out.warn("attachment_empty");
      continue;
    }
    if (isInline && bytes.length < minPicture && /^image\//.test(declaredType ?? "image/")) {
      out.warn("inline_picture_skipped");
      continue;
    }
    await out.child({ path: `attachment[${index}]`, fileName: name, declaredType, bytes });
  }
}
