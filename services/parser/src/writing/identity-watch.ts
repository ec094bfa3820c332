/** How free text names a patient: a label, then a number or a date of birth. */
const recordNumber =
  /\b(?:MRN|medical record (?:no|number|#)|hospital (?:no|number)|patient (?:id|no|number)|NHS (?:no|number))\b[.:#\s]{1,4}([a-z]{0,4}[- ]?\d[\d -]{3,16}\d)\b/gi;
const birthDate =
  /\b(?:DOB|D\.O\.B\.?|date of birth)\b[.:\s]{0,4}(\d{1,4}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2} [a-z]{3,9} \d{4})\b/gi;

const label = (match: string, value: string) =>
  match
    .slice(0, -value.length)
    .toLowerCase()
    .replace(/[^a-z]+/g, "");
const most = 1_000;

/**
 * Watches the text of documents that say of nobody in fields of their own whom they are about (letters, scans, faxes): two numbers
 * under one label, or two dates of birth, are two people. The relatives of one are named the same way now and then, so this calls for a look
 * by somebody and decides nothing.
 */
export class IdentityWatch {
  readonly #values = new Map<string, Set<string>>();

  see(text: string): void {
    for (const [match, value = ""] of text.matchAll(recordNumber)) this.#add(label(match, value), value);
    for (const [, value = ""] of text.matchAll(birthDate)) this.#add("birth", value);
  }

  #add(kind: string, value: string): void {
    const values = this.#values.get(kind) ?? new Set();
    if (values.size < most) values.add(value.toLowerCase().replace(/[^a-z0-9]+/g, ""));
    this.#values.set(kind, values);
  }

  conflict(): boolean {
    return [...this.#values.values()].some((values) => values.size > 1);
  }
}
