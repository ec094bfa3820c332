import type {
  Code,
  DocumentDate,
  DocumentStatus,
  Encounter,
  Header,
  Identifier,
  PatientIdentity,
  Relation,
} from "@sluice/contracts";
import { type CdaNode, find, findAll, plain, words, xpath } from "./cda-tree.js";
import { encounterClass, makeCode, oidUri, sexWord } from "./codes.js";
import { documentDate, hl7Date } from "./dates.js";

/** What a clinical document says of itself before its body. */
export function cdaHeader(root: CdaNode): Omit<Header, "patients"> {
  const own = identifier(find(root, "id"));
  const set = identifier(find(root, "setId"));
  return {
    title: plain(find(root, "title")) || null,
    type: cdaCode(find(root, "code")),
    language: find(root, "languageCode")?.attributes.code ?? null,
    dates: dates(root),
    encounter: encounter(find(root, "componentOf", "encompassingEncounter")),
    identifiers: [own, set].filter((each) => each !== null),
    version: find(root, "versionNumber")?.attributes.value ?? null,
    status: status(find(root, "statusCode")),
    relations: relations(root, set),
  };
}

/** The people a document is about. */
export function cdaPatients(root: CdaNode): PatientIdentity[] {
  const custodian = find(root, "custodian", "assignedCustodian", "representedCustodianOrganization");
  const keeper = identifier(find(custodian, "id"));
  const authority = keeper ? oidUri(find(custodian, "id")?.attributes.root ?? "") : plain(find(custodian, "name"));
  return findAll(root, "recordTarget", "patientRole").map((role) => patient(role, authority));
}

/** The people and places of the header, as it has them: a line a participation. */
export function headerLines(root: CdaNode): string[] {
  const kept = new Set(
    "recordTarget author dataEnterer informant custodian informationRecipient legalAuthenticator authenticator participant documentationOf componentOf".split(
      " ",
    ),
  );
  return [
    ...new Set(
      root.children
        .filter(({ name }) => kept.has(name))
        .map(words)
        .filter(Boolean),
    ),
  ];
}

/** A coded element; a translation counts where the element itself has no code. */
export function cdaCode(node: CdaNode | undefined): Code | null {
  return cdaCodes(node)[0] ?? null;
}

/** A coded element and its translations. */
export function cdaCodes(node: CdaNode | undefined): Code[] {
  if (!node) return [];
  const { codeSystem, code, displayName } = node.attributes;
  const own = makeCode(codeSystem, code, displayName);
  return [...(own ? [own] : []), ...findAll(node, "translation").flatMap(cdaCodes)];
}

/** The moment, or the beginning of the period. */
export function cdaTime(time: CdaNode | undefined) {
  const stamp = [time, find(time, "low"), find(time, "center"), find(time, "high")].find(
    (each) => each?.attributes.value,
  );
  return hl7Date(stamp?.attributes.value);
}

/** A number with who gave it; one that needs no giver is a URN. */
function identifier(id: CdaNode | undefined): Identifier | null {
  const { root, extension } = id?.attributes ?? {};
  if (!root) return null;
  if (extension) return { system: oidUri(root), value: extension };
  return {
    system: "urn:ietf:rfc:3986",
    value: /^[0-2](\.\d+)+$/.test(root) ? `urn:oid:${root}` : `urn:uuid:${root.toLowerCase()}`,
  };
}

function patient(role: CdaNode, keeper: string): PatientIdentity {
  const person = find(role, "patient");
  return {
    identifiers: findAll(role, "id").flatMap(({ attributes: { root, extension, assigningAuthorityName } }) => {
      const authority = root ? oidUri(root) : (assigningAuthorityName ?? keeper);
      return extension ? [{ authority, value: extension }] : [];
    }),
    names: findAll(person, "name").flatMap((name) => personName(name) || []),
    birthDate: hl7Date(find(person, "birthTime")?.attributes.value)?.value.slice(0, 10) ?? null,
    sex: sexWord(find(person, "administrativeGenderCode")?.attributes.code),
  };
}

function personName(name: CdaNode): string {
  const parts = name.children.filter((part) => part.name !== "validTime");
  return parts.length > 0 ? parts.map(plain).filter(Boolean).join(" ") : plain(name);
}

function encounter(node: CdaNode | undefined): Encounter | null {
  if (!node) return null;
  const { root, extension } = find(node, "id")?.attributes ?? {};
  const time = find(node, "effectiveTime");
  const place = find(node, "location", "healthCareFacility");
  const facility = plain(find(place, "location", "name")) || plain(find(place, "serviceProviderOrganization", "name"));
  return {
    id: extension ?? root ?? null,
    class: encounterClass(find(node, "code")?.attributes.code),
    start: cdaTime(time) ?? null,
    end: hl7Date(find(time, "high")?.attributes.value) ?? null,
    facility: facility || null,
  };
}

/** Of the extension that some senders use. */
function status(node: CdaNode | undefined): DocumentStatus | null {
  const values: Record<string, DocumentStatus["value"]> = {
    active: "preliminary",
    completed: "final",
    aborted: "cancelled",
    cancelled: "cancelled",
    nullified: "entered_in_error",
    obsolete: "superseded",
  };
  const source = node?.attributes.code?.toLowerCase() ?? "";
  const value = values[source];
  return value ? { value, source } : null;
}

/** What it replaces and adds to. A transformation says the same as its source in another form, and takes nothing from it. */
function relations(root: CdaNode, set: Identifier | null): Relation[] {
  const kinds: Record<string, Relation["kind"]> = { RPLC: "replaces", APND: "appends" };
  const named = findAll(root, "relatedDocument").flatMap((related): Relation[] => {
    const kind = kinds[related.attributes.typeCode ?? ""];
    if (!kind) return [];
    return findAll(related, "parentDocument").flatMap((parent) => {
      const target = identifier(find(parent, "id")) ?? identifier(find(parent, "setId"));
      return target ? [{ kind, target, source: xpath(related) }] : [];
    });
  });
  // A later version of a set stands for the earlier ones, whether or not it names them.
  const isLater =
    Number(find(root, "versionNumber")?.attributes.value ?? 1) > 1 || named.some(({ kind }) => kind === "replaces");
  if (!set || !isLater) return named;
  return [...named, { kind: "replaces", target: set, source: "/ClinicalDocument/setId[1]" }];
}

function dates(root: CdaNode): DocumentDate[] {
  const event = find(root, "documentationOf", "serviceEvent", "effectiveTime");
  const visit = find(root, "componentOf", "encompassingEncounter", "effectiveTime");
  return [
    ...documentDate("authored", cdaTime(find(root, "effectiveTime")), "ClinicalDocument.effectiveTime"),
    ...documentDate("authored", cdaTime(find(root, "author", "time")), "author.time"),
    ...documentDate("service", cdaTime(event), "serviceEvent.effectiveTime"),
    ...documentDate("service", cdaTime(visit), "encompassingEncounter.effectiveTime"),
  ];
}
