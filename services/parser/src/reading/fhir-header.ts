import type { DocumentDate, DocumentStatus, Header, Identifier, Relation } from "@sluice/contracts";
import { documentDate, isoDate } from "./dates.js";
import { conceptCode, conceptText } from "./fhir-concepts.js";
import { identifierOf } from "./fhir-people.js";
import { isObject, type Json, type JsonObject, objects, str } from "./fhir-readable.js";
import type { Found, Frame } from "./fhir-source.js";

/** Resources that are about a document as a whole, most telling first. */
export const leading = ["Composition", "DocumentReference", "DiagnosticReport"] as const;

/** The resource that speaks for the file. */
export interface Lead extends Found {
  /** Whether what it says of itself holds for the file: it is all there is, or the only one of its kind. */
  isDocument: boolean;
}

/** The header of a file: its leading resource's title, type, dates, numbers, status and relations. */
export function fhirHeader(lead: Lead | undefined, frame: Frame): Partial<Header> {
  const bundled = frame.bundle?.type === "document" ? [identifierOf(frame.bundle.identifier)] : [];
  if (!lead) return { identifiers: bundled.filter((each) => each !== null) };
  const { resource } = lead;
  const own = lead.isDocument ? [...identifiers(resource), ...literal(resource, lead.fullUrl)] : [];
  const status = lead.isDocument ? statusOf(resource) : null;
  return {
    title: str(resource.title) ?? str(resource.description) ?? conceptText(resource.code) ?? null,
    type: conceptCode(resource.type) ?? conceptCode(resource.code),
    language: str(resource.language) ?? null,
    dates: dates(resource),
    identifiers: [...own, ...bundled.filter((each) => each !== null)],
    version: lead.isDocument ? versionOf(resource) : null,
    status,
    relations: lead.isDocument ? relations(lead, frame, status) : [],
  };
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

function relations(lead: Lead, frame: Frame, status: DocumentStatus | null): Relation[] {
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

function related(lead: Lead, at: (field: string) => string): Relation[] {
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

/** Where resources keep the time of the service, and the time of writing. */
const dateFields: Record<Exclude<DocumentDate["kind"], "received">, readonly string[]> = {
  service: [
    "effectiveDateTime",
    "effectivePeriod",
    "period",
    "context",
    "onsetDateTime",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
  ],
  authored: ["date", "issued", "authoredOn", "authored", "recordedDate", "created", "indexed"],
};

function dates(resource: JsonObject): DocumentDate[] {
  return Object.entries(dateFields).flatMap(([kind, fields]) =>
    fields.flatMap((field) => {
      const value = resource[field];
      const period = field === "context" && isObject(value) && isObject(value.period) ? value.period : value;
      const moment = isObject(period) ? period.start : period;
      return documentDate(kind as DocumentDate["kind"], isoDate(moment), `${resource.resourceType}.${field}`);
    }),
  );
}
