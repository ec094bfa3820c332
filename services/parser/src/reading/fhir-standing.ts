import type { DocumentStatus, Header, Identifier, Relation } from "@sluice/contracts";
import { conceptCode } from "./fhir-concepts.js";
import { identifierOf } from "./fhir-people.js";
import { isObject, type Json, type JsonObject, objects, str } from "./fhir-readable.js";
import type { Found, Frame } from "./fhir-source.js";

/** Resources that are about a document as a whole, most telling first. */
const leading = ["Composition", "DocumentReference", "DiagnosticReport"];

/** What a report comes with: those it is about, who made it, and what it was made of. */
const accessory = new Set([
  ...leading,
  ..."Patient Person RelatedPerson Practitioner PractitionerRole Organization Location Encounter Device Provenance".split(
    " ",
  ),
  ..."MessageHeader ServiceRequest Specimen Observation ImagingStudy ImagingSelection Media Binary OperationOutcome".split(
    " ",
  ),
]);

/** More than a header keeps, which then says that something is left out. */
const maxReports = 300;

/** The resources that may speak for the file, without what they carry. */
export class Leads {
  readonly #found = new Map<string, Found[]>();
  #any: Found | undefined;
  #count = 0;
  /** The file holds more than reports and what they come with. */
  #gathers = false;

  add(found: Found): void {
    const type = String(found.resource.resourceType);
    // What a call or an answer is wrapped in is no part of what it holds.
    if (type === "Parameters") return;
    this.#count += 1;
    if (found.container !== null) return;
    if (!accessory.has(type)) this.#gathers = true;
    const isLeading = leading.includes(type);
    if (this.#any && !isLeading) return;
    const bare = { content: null, presentedForm: null, contained: null, section: null, text: null };
    const light = { ...found, resource: { ...found.resource, ...bare } };
    this.#any ??= light;
    if (!isLeading) return;
    const known = this.#found.get(type) ?? [];
    this.#found.set(type, known);
    if (known.length < maxReports) known.push(light);
  }

  has(type: string): boolean {
    return this.#found.has(type);
  }

  /** The most telling one; alone, whatever there is. */
  get lead(): Found | undefined {
    const first = leading.flatMap((type) => this.#found.get(type)?.[0] ?? [])[0];
    return first ?? (this.#count === 1 || this.#any?.path === "" ? this.#any : undefined);
  }

  /** Those that have a standing: of a composition the other reports are parts. */
  get reports(): Found[] {
    const [composition, ...others] = leading.map((type) => this.#found.get(type) ?? []);
    if (composition && composition.length > 0) return composition;
    const found = others.flat();
    return found.length > 0 || !this.lead ? found : [this.lead];
  }

  /** Whether what the reports say of themselves holds for the file: there is nothing else in it to be hidden with them. */
  get isWhole(): boolean {
    return !this.#gathers || this.#count === 1 || this.has("Composition") || this.#any?.path === "";
  }
}

type Standing = Partial<Pick<Header, "identifiers" | "relations" | "version" | "status">>;

/**
 * What a file is among its like. One report speaks for the file. Of several, or of one among much else, each says what it does to
 * those before it; the file bears the numbers that this takes, and those of laboratory reports that come together.
 */
export function fhirStanding(leads: Leads, frame: Frame): Standing {
  const { reports, isWhole } = leads;
  const [only] = reports;
  if (only && reports.length === 1 && isWhole) {
    const { resource } = only;
    const status = statusOf(resource);
    return {
      identifiers: [...identifiers(resource), ...literal(resource, only.fullUrl)],
      version: versionOf(resource),
      status,
      relations: relations(only, frame, status),
    };
  }
  const stated = reports.map((report) => {
    const status = statusOf(report.resource);
    return { report, status, relations: relations(report, frame, status) };
  });
  // A number that the file does not bear can't be told to be an earlier one of its own.
  const spoken = stated.flatMap(({ report, relations }) => {
    const own = [...identifiers(report.resource), ...literal(report.resource, report.fullUrl)];
    return own.filter((each) => relations.some(({ target }) => isSame(each, target)));
  });
  const together = isWhole ? reports.filter(({ resource }) => resource.resourceType === "DiagnosticReport") : [];
  return {
    identifiers: [...spoken, ...together.flatMap(({ resource }) => identifiers(resource))],
    relations: stated.flatMap(({ relations }) => relations),
    status: isWhole ? common(stated.map(({ status }) => status)) : null,
  };
}

/** The status of several: what hides a report hides the file only where it is said of them all. */
function common(statuses: (DocumentStatus | null)[]): DocumentStatus | null {
  const [first] = statuses;
  if (first && statuses.every((each) => each?.value === first.value)) return first;
  const find = (...values: DocumentStatus["value"][]) => statuses.find((each) => each && values.includes(each.value));
  const changed = find("corrected", "appended", "cancelled", "entered_in_error");
  return changed ? { value: "corrected", source: changed.source } : (find("preliminary") ?? null);
}

function isSame(one: Identifier, two: Identifier): boolean {
  return one.system === two.system && one.value === two.value;
}

function identifiers(resource: JsonObject): Identifier[] {
  return [resource.masterIdentifier, ...objects(resource.identifier)].flatMap(
    (each) => ofSomebody(each, resource) ?? [],
  );
}

/** A number without a system may be anybody's: it counts with the patient that the resource is about, or not at all. */
function ofSomebody(identifier: Json | undefined, resource: JsonObject): Identifier | null {
  const found = identifierOf(identifier);
  if (!found || found.system) return found;
  const scope = scopeOf(resource);
  return scope ? { system: `${scope}/identifier`, value: found.value } : null;
}

/**
 * The address of a resource as a number. Ids are a server's own and small numbers often enough: one counts with the server's
 * address, or else with the patient that it is about.
 */
function literal(resource: JsonObject, fullUrl: string | null): Identifier[] {
  const id = str(resource.id);
  const url = fullUrl && address(fullUrl, "");
  if (url) return [url];
  const scope = scopeOf(resource);
  return id && scope ? [{ system: `${scope}/${resource.resourceType}`, value: id }] : [];
}

function address(url: string, scope: string): Identifier | null {
  if (/^urn:(uuid|oid):/.test(url)) return { system: "urn:ietf:rfc:3986", value: url };
  const [, base = "", type, id] = /^(.*?)([A-Z]\w+)\/([^/]+)(?:\/_history\/.*)?$/.exec(url) ?? [];
  if (!type || !id) return null;
  if (/^https?:/.test(base)) return { system: `${base}${type}`, value: id };
  return scope && base === "" ? { system: `${scope}/${type}`, value: id } : null;
}

function scopeOf({ subject, patient }: JsonObject): string {
  const about = [subject, patient].find(isObject);
  return str(about?.reference)?.replace(/\/_history\/.*$/, "") ?? "";
}

function versionOf(resource: JsonObject): string | null {
  const stored = isObject(resource.meta) ? str(resource.meta.versionId) : undefined;
  return str(resource.version) ?? (stored && /^\d{1,9}$/.test(stored) ? stored : null);
}

const statuses: Record<string, DocumentStatus["value"]> = {
  registered: "preliminary",
  partial: "preliminary",
  preliminary: "preliminary",
  final: "final",
  amended: "corrected",
  corrected: "corrected",
  appended: "appended",
  cancelled: "cancelled",
  deprecated: "superseded",
  superseded: "superseded",
  "entered-in-error": "entered_in_error",
};

/** Other resources than documents and findings have statuses of their own: a cancelled prescription is still one. */
function statusOf(resource: JsonObject): DocumentStatus | null {
  const kinds: readonly string[] = [...leading, "Observation"];
  const verification = conceptCode(resource.verificationStatus)?.code ?? str(resource.verificationStatus);
  const source =
    [str(resource.status), verification].find((each) => each === "entered-in-error") ?? str(resource.status);
  if (!source) return null;
  if (!kinds.includes(String(resource.resourceType))) {
    return source === "entered-in-error" ? { value: "entered_in_error", source } : null;
  }
  const written =
    resource.resourceType === "DocumentReference" && source === "current" ? str(resource.docStatus) : source;
  const value = statuses[written ?? ""];
  return value && written ? { value, source: written } : null;
}

function relations(lead: Found, frame: Frame, status: DocumentStatus | null): Relation[] {
  const { resource, path } = lead;
  const at = (field: string) => [path, field].filter(Boolean).join(".");
  const own = identifiers(resource);
  const says: Partial<Record<DocumentStatus["value"], Relation["kind"]>> = {
    corrected: "corrects",
    appended: "appends",
    cancelled: "cancels",
    entered_in_error: "withdraws",
  };
  const kind = status ? says[status.value] : undefined;
  const [named, stored] = [own[0], literal(resource, lead.fullUrl)[0]];
  const isLater = frame.shape === "resource" && Number(isObject(resource.meta) ? resource.meta.versionId : 0) > 1;
  return [
    ...related(lead, at),
    ...(kind && (named ?? stored) ? [{ kind, target: (named ?? stored) as Identifier, source: at("status") }] : []),
    // The same resource, stored anew.
    ...(isLater && stored ? [{ kind: "replaces" as const, target: stored, source: at("meta.versionId") }] : []),
  ];
}

function related(lead: Found, at: (field: string) => string): Relation[] {
  const kinds: Record<string, Relation["kind"]> = { replaces: "replaces", appends: "appends", amends: "corrects" };
  const { resource } = lead;
  return objects(resource.relatesTo).flatMap((each, index) => {
    const code = str(each.code) ?? conceptCode(each.code)?.code ?? str(each.type) ?? "";
    const kind = kinds[code];
    const target = kind ? targetOf(each, resource) : null;
    return kind && target ? [{ kind, target, source: at(`relatesTo[${index}]`) }] : [];
  });
}

function targetOf(relation: JsonObject, resource: JsonObject): Identifier | null {
  const reference = [relation.target, relation.targetReference, relation.resourceReference].find(isObject);
  const identifier: Json | undefined = relation.targetIdentifier ?? reference?.identifier;
  return ofSomebody(identifier, resource) ?? address(str(reference?.reference) ?? "", scopeOf(resource));
}
