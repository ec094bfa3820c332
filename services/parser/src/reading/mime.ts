import { SluiceError } from "@sluice/contracts";
import PostalMime, { type Address, type Email } from "postal-mime";
import type { Output } from "../formats/format.js";

/** Parts within parts: mail programs nest a handful. */
const maxParts = 64;
/** A message's own header is shorter. */
const maxHead = 65_536;

/** A message in MIME, whose embedded messages are attachments; warns where it ends too early. Fails with `document_encrypted` where the body is a cipher. */
export async function readMime(bytes: Buffer, out: Output): Promise<Email> {
  const email = await PostalMime.parse(bytes, { forceRfc822Attachments: true, maxNestingDepth: maxParts }).catch(
    (error: Error) => {
      throw new SluiceError(/nesting/i.test(error.message) ? "limit_nesting" : "document_corrupt", { cause: error });
    },
  );
  if (isCipher(email) && !email.text?.trim() && !email.html?.trim()) throw new SluiceError("document_encrypted");
  if (isCut(email, bytes)) out.warn("file_cut_short");
  return email;
}

/** The last part of several is closed by a line; base64 comes in fours. */
function isCut({ headers }: Email, bytes: Buffer): boolean {
  const value = (name: string) => headers.find(({ key }) => key === name)?.value ?? "";
  const type = value("content-type");
  if (/^\s*multipart\//i.test(type)) {
    const [, quoted, bare] = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(type) ?? [];
    const boundary = quoted?.replace(/\\(.)/g, "$1") ?? bare;
    return boundary !== undefined && !bytes.includes(`--${boundary}--`);
  }
  if (!/base64/i.test(value("content-transfer-encoding"))) return false;
  const end = /\r?\n\r?\n/.exec(bytes.toString("latin1", 0, maxHead));
  const body = end ? bytes.subarray(end.index + end[0].length) : Buffer.alloc(0);
  let count = 0;
  for (const byte of body) if (byte > 0x20) count += 1;
  return count % 4 !== 0;
}

/** Whether marked-up text shows a part, by its name in angle brackets. */
export function shows(html: string | null | undefined, contentId: string | undefined): boolean {
  const id = contentId?.trim().replace(/^<|>$/g, "");
  if (!html || !id) return false;
  return html.includes(`cid:${id}`) || html.includes(`cid:${encodeURIComponent(id)}`);
}

function isCipher({ headers }: Email): boolean {
  const type = headers.find(({ key }) => key === "content-type")?.value ?? "";
  return /^\s*multipart\/encrypted/i.test(type) || (/pkcs7-mime/i.test(type) && /enveloped-data/i.test(type));
}

export function addresses(given: Address | Address[] | undefined): string {
  return [given ?? []]
    .flat()
    .map(({ name, address, group }) => {
      if (group) return `${name}: ${addresses(group)}`;
      return name && address && name !== address ? `${name} <${address}>` : address || name;
    })
    .filter(Boolean)
    .join(", ");
}

export function contentBytes(content: ArrayBuffer | Uint8Array | string): Uint8Array {
  if (typeof content === "string") return Buffer.from(content);
  return content instanceof Uint8Array ? content : new Uint8Array(content);
}
