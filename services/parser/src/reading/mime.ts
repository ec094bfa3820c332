import { SluiceError } from "@sluice/contracts";
import PostalMime, { type Address, type Email } from "postal-mime";

/** Parts within parts: mail programs nest a handful. */
const maxParts = 64;

/** A message in MIME, whose embedded messages are attachments. Fails with `document_encrypted` where the body is a cipher. */
export async function readMime(bytes: Uint8Array): Promise<Email> {
  const email = await PostalMime.parse(bytes, { forceRfc822Attachments: true, maxNestingDepth: maxParts }).catch(
    (error: Error) => {
      throw new SluiceError(/nesting/i.test(error.message) ? "limit_nesting" : "document_corrupt", { cause: error });
    },
  );
  if (isCipher(email) && !email.text?.trim() && !email.html?.trim()) throw new SluiceError("document_encrypted");
  return email;
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
