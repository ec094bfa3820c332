import {
  type DocumentDate,
  emptyHeader,
  type Header,
  type Identifier,
  type PatientIdentity,
  type Relation,
} from "@sluice/contracts";
import type { HeaderFields } from "../formats/format.js";
import { cleanAll } from "./clean.js";
import { Patients } from "./patients.js";

const maxLength = 2_000;
const maxEntries = 200;

/** Gathers what a document says of itself: cleaned, without repetitions, bounded. */
export class HeaderBuilder {
  readonly #header: Header = emptyHeader();
  readonly #patients = new Patients();
  /** A collection about many people. */
  isAboutMany = false;
  #isTruncated = false;

  set(fields: HeaderFields): void {
    Object.assign(this.#header, cleanAll(fields, maxLength));
  }

  patient(identity: PatientIdentity): number | null {
    return this.#patients.add(cleanAll(identity, maxLength));
  }

  date(date: DocumentDate): void {
    this.#add(this.#header.dates, date);
  }

  identifier(identifier: Identifier): void {
    this.#add(this.#header.identifiers, identifier);
  }

  relation(relation: Relation): void {
    this.#add(this.#header.relations, relation);
  }

  hasIdentityConflict(): boolean {
    return !this.isAboutMany && this.#patients.conflict();
  }

  /** Something did not fit. */
  get isTruncated(): boolean {
    return this.#isTruncated || (this.isAboutMany && this.#patients.isFull);
  }

  result(): Header {
    return { ...this.#header, patients: this.#patients.list };
  }

  #add<T>(list: T[], entry: T): void {
    const clean = cleanAll(entry, maxLength);
    const text = JSON.stringify(clean);
    if (list.some((each) => JSON.stringify(each) === text)) return;
    if (list.length < maxEntries) list.push(clean);
    else this.#isTruncated = true;
  }
}
