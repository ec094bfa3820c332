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
  /** A picture that the body shows. */
  isInline: boolean;
}

/** A picture in a signature is smaller, one that somebody pasted to be read is not. */
const minPicture = 8_192;
/** A text that says this much less than its marked-up version stands in for it. */
const minShare = 0.6;

export async function writeMail(out: Output, { subject, fields, text, rich }: MailParts): Promise<void> {
  const title = subject?.replace(/\s+/g, " ").trim() || null;
  await out.begin({ title });
  const said = [["Subject", title ?? ""] as const, ...fields].filter(([, value]) => value.trim());
  if (said.length > 0)
    await out.text(said.map(([label, value]) => `${label}: ${value.replace(/\s+/g, " ").trim()}`).join("\n"));
  const plain = (text ?? "").replace(/\r\n?/g, "\n").trim();
  if (rich && words(plain) < words(blocksText(rich)) * minShare) await below(out, rich);
  else if (plain) await out.text(plain, "\n\n");
}

async function below(out: Output, [first, ...rest]: Block[]): Promise<void> {
  if (first) await writeBlocks(out, [{ ...first, gap: "\n\n" }, ...rest]);
}

function words(text: string): number {
  return text.match(/[\p{L}\p{N}]+/gu)?.length ?? 0;
}

export async function writeAttachments(out: Output, attachments: readonly MailAttachment[]): Promise<void> {
  for (const [index, { name, declaredType, bytes, isInline }] of attachments.entries()) {
    if (bytes.length === 0) continue;
    if (isInline && bytes.length < minPicture && /^image\//.test(declaredType ?? "image/")) {
      out.warn("inline_picture_skipped");
      continue;
    }
    await out.child({ path: `attachment[${index}]`, fileName: name, declaredType, bytes });
  }
}
