import type { PatientIdentity } from "@sluice/contracts";

/** How free text names a patient: a label, then a number or a date of birth. */
const recordNumber =
  /\b(?:MRN|medical record (?:no|number|#)|hospital (?:no|number)|patient (?:id|no|number)|NHS (?:no|number))\b[.:#\s]{1,4}([a-z]{0,4}[- ]?\d[\d -]{3,16}\d)\b/gi;
const birthDate =
  /\b(?:DOB|D\.O\.B\.?|date of birth)\b[.:\s]{0,4}(\d{1,4}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2} [a-z]{3,9} \d{4})\b/gi;

/** Names are written large, whichever way their label is. */
const name =
  /\b(?:(?:[Pp]atient|PATIENT)(?:['’][sS])? (?:[Nn]ame|NAME)|(?:[Nn]ame|NAME) (?:of|OF) (?:[Pp]atient|PATIENT)|(?:[Pp]t|PT)\.? (?:[Nn]ame|NAME))[ \t]*[:|][ \t]*((?:\p{Lu}[\p{L}'’.-]*,?[ \t]{1,3}){1,4}\p{Lu}[\p{L}'’.-]+)/gu;
/** Before a date of birth: it is a relative's. */
const relative =
  /\b(mother|father|parent|spouse|husband|wife|partner|guardian|subscriber|insured|guarantor|baby|newborn|infant|child|son|daughter|twin|sibling|brother|sister|donor|contact)\b[^\n]{0,60}$/i;
/** So far back is looked for them. */
const before = 80;

const label = (match: string, value: string) =>
  match
    .slice(0, -value.length)
    .toLowerCase()
    .replace(/[^a-z]+/g, "");
const most = 1_000;

/**
 * Watches the text of documents. Of those that say of nobody in fields of their own whom they are about (letters, scans, faxes): two numbers
 * under one label, or two dates of birth, are two people. The relatives of one are named the same way now and then, so this calls for a look
 * by somebody and decides nothing.
 */
export class IdentityWatch {
  readonly #values = new Map<string, Set<string>>();
  /** The patient's, not a relative's. */
  readonly #births = new Set<string>();
  readonly #names = new Set<string>();

  see(text: string): void {
    for (const [match, value = ""] of text.matchAll(recordNumber)) this.#add(label(match, value), value);
    for (const { 1: value = "", index } of text.matchAll(birthDate)) {
      this.#add("birth", value);
      const isOther = relative.test(text.slice(Math.max(0, index - before), index));
      if (!isOther && this.#births.size < most) this.#births.add(value);
    }
    for (const [, value = ""] of text.matchAll(name)) if (this.#names.size < most) this.#names.add(value);
  }

  /**
   * Whether the text speaks of somebody else than those whom the document's fields name: a date of birth that is none of theirs however
   * it is read, or a patient's name without a word of theirs.
   */
  contradicts(patients: readonly PatientIdentity[]): boolean {
    const births = patients.map((each) => each.birthDate).filter((each) => /^\d{4}-\d\d-\d\d$/.test(each ?? ""));
    const isEveryKnown = births.length === patients.length && births.length > 0;
    if (isEveryKnown && [...this.#births].some((date) => !births.some((each) => mayBe(date, each as string))))
      return true;
    const words = new Set(patients.flatMap(({ names }) => names).flatMap(wordsIn));
    return words.size > 0 && [...this.#names].some((each) => !wordsIn(each).some((word) => words.has(word)));
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

function wordsIn(text: string): string[] {
  return (
    text
      .normalize("NFD")
      .replace(/\p{M}+/gu, "")
      .toLowerCase()
      .match(/\p{L}{2,}/gu) ?? []
  );
}

/** Whether a date as people write it may be this one, `1970-01-31`: its parts in any order, the year in full or not. */
function mayBe(written: string, date: string): boolean {
  const [year = "", month = "", day = ""] = date.split("-");
  const found = written.match(/\d+/g) ?? [];
  const isMonthNamed = /[a-z]/i.test(written);
  const left = isMonthNamed ? [day, year] : [day, month, year];
  for (const each of found) {
    const at = left.findIndex((part) => Number(part) === Number(each) || (part === year && each === year.slice(2)));
    if (at === -1) return false;
    left.splice(at, 1);
  }
  return true;
}
