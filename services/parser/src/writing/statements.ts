import type { Header } from "@sluice/contracts";
import type { Output } from "../formats/format.js";

/** A header as far as a source has one. */
export function writeHeader(out: Output, header: Partial<Header>): void {
  const { patients = [], dates = [], identifiers = [], relations = [], ...fields } = header;
  out.header(fields);
  for (const each of patients) out.patient(each);
  for (const each of dates) out.date(each);
  for (const each of identifiers) out.identifier(each);
  for (const each of relations) out.relation(each);
}
