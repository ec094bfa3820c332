import type { PatientIdentity } from "@sluice/contracts";

const maxPatients = 200;
const maxEntries = 50;

/** The people a document names as its patients: those that share an identifier are one. */
export class Patients {
  readonly list: PatientIdentity[] = [];
  /** By identifier, the place of the first that had it. */
  readonly #places = new Map<string, number>();
  /** By a name's words, the places of those who have it. */
  readonly #named = new Map<string, number[]>();
  #contradicted = false;
  /** There were more than are kept. */
  isFull = false;

  /** The place of this identity in the list; null when it says nothing, or when there are too many. */
  add(identity: PatientIdentity): number | null {
    const { identifiers, names, birthDate } = identity;
    if (identifiers.length === 0 && names.length === 0 && !birthDate) return null;
    const known = this.#find(identity);
    if (known === undefined && this.list.length >= maxPatients) {
      this.#contradicted = true;
      this.isFull = true;
      return null;
    }
    const place = known ?? this.list.push({ identifiers: [], names: [], birthDate: null, sex: null }) - 1;
    this.#merge(this.list[place] as PatientIdentity, identity);
    for (const name of new Set(names.map(words))) {
      const places = this.#named.get(name) ?? [];
      if (!places.includes(place)) this.#named.set(name, [...places, place]);
    }
    for (const each of identifiers) if (!this.#places.has(key(each))) this.#places.set(key(each), place);
    return place;
  }

  /** Whether two of them can't be the same person. */
  conflict(): boolean {
    if (this.#contradicted) return true;
    return this.list.some((one, index) => this.list.slice(index + 1).some((two) => differ(one, two)));
  }

  #find(identity: PatientIdentity): number | undefined {
    for (const each of identity.identifiers) {
      const place = this.#places.get(key(each));
      // A family's insurance number, a number that was given twice: what else is said decides.
      if (place !== undefined && !isSomebodyElse(this.list[place] as PatientIdentity, identity)) return place;
    }
    const namesakes = identity.names.flatMap((name) => this.#named.get(words(name)) ?? []).sort((a, b) => a - b);
    return namesakes.find((place) => isSame(this.list[place] as PatientIdentity, identity));
  }

  #merge(known: PatientIdentity, more: PatientIdentity): void {
    if (contradicts(known.birthDate, more.birthDate)) this.#contradicted = true;
    for (const each of more.identifiers) {
      const same = known.identifiers.find((other) => key(other) === key(each));
      if (same) same.type ??= each.type;
      else if (known.identifiers.length < maxEntries) known.identifiers.push({ ...each });
    }
    for (const name of more.names) {
      if (!known.names.includes(name) && known.names.length < maxEntries) known.names.push(name);
    }
    // The more exact of two dates that agree.
    if ((more.birthDate?.length ?? 0) > (known.birthDate?.length ?? 0)) known.birthDate = more.birthDate;
    known.sex ??= more.sex;
  }
}

function key({ authority, value }: { authority: string; value: string }): string {
  return JSON.stringify([authority, value]);
}

/** Without a common identifier: the same name, and a birth date that agrees, or nothing else to tell them by. */
function isSame(one: PatientIdentity, two: PatientIdentity): boolean {
  if (!haveNameInCommon(one, two) || contradicts(one.birthDate, two.birthDate)) return false;
  if (one.birthDate && two.birthDate) return !haveRivalIdentifiers(one, two);
  return one.identifiers.length === 0 || two.identifiers.length === 0;
}

/** Under a common number: other numbers of the same authority, or another name with another sex. */
function isSomebodyElse(one: PatientIdentity, two: PatientIdentity): boolean {
  if (haveRivalIdentifiers(one, two)) return !haveNameInCommon(one, two);
  const haveOtherNames = one.names.length > 0 && two.names.length > 0 && !haveNameInCommon(one, two);
  return (
    haveOtherNames &&
    (contradicts(one.birthDate, two.birthDate) || (one.sex !== null && two.sex !== null && one.sex !== two.sex))
  );
}

function differ(one: PatientIdentity, two: PatientIdentity): boolean {
  if (isSomebodyElse(one, two)) return true;
  if (one.identifiers.some((each) => two.identifiers.some((other) => key(each) === key(other)))) return false;
  if (contradicts(one.birthDate, two.birthDate)) return true;
  if (one.names.length > 0 && two.names.length > 0)
    return !haveNameInCommon(one, two) || haveRivalIdentifiers(one, two);
  return haveRivalIdentifiers(one, two);
}

/** Two numbers from one authority. */
function haveRivalIdentifiers(one: PatientIdentity, two: PatientIdentity): boolean {
  return one.identifiers.some((each) =>
    two.identifiers.some(
      (other) => each.authority === other.authority && each.type === other.type && each.value !== other.value,
    ),
  );
}

function contradicts(one: string | null, two: string | null): boolean {
  return one !== null && two !== null && !one.startsWith(two) && !two.startsWith(one);
}

function haveNameInCommon(one: PatientIdentity, two: PatientIdentity): boolean {
  const known = new Set(one.names.map(words));
  return two.names.some((name) => known.has(words(name)));
}

/** `Lee, Ann` and `ANN LEE` are one name. */
function words(name: string): string {
  return (name.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).sort().join(" ");
}
