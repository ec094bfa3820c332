import type { Fact, FactKind, Moment } from "@sluice/contracts";
import { cdaCodes, cdaTime } from "./cda-header.js";
import { type CdaNode, find, findAll, plain, words, xpath } from "./cda-tree.js";
import { hl7Date } from "./dates.js";

/** What an entry states. The name may be in the narrative alone, where the references lead. */
export interface CdaFact
  extends Pick<Fact, "kind" | "codes" | "value" | "unit" | "range" | "flag" | "status" | "source"> {
  name: string | null;
  effective: Moment | null;
  /** IDs in the narrative: of what the code stands for, and of the statement. */
  named: string | null;
  told: string | null;
}

const maxValue = 200;

/** What a section's entries are, by its LOINC code. */
const sectionKinds: Record<string, FactKind> = {
  "11450-4": "problem",
  "11348-0": "problem",
  "46241-6": "problem",
  "11535-2": "problem",
  "78375-3": "problem",
  "10219-4": "problem",
  "10218-6": "problem",
  "10160-0": "medication",
  "29549-3": "medication",
  "10183-2": "medication",
  "42346-7": "medication",
  "75311-1": "medication",
  "48765-2": "allergy",
  "30954-2": "result",
  "8716-3": "vital",
  "47519-4": "procedure",
  "11369-6": "immunization",
};

/** What statements are by their templates, in C-CDA and its forerunners. */
const templateKinds: Record<string, FactKind> = {
  "2.16.840.1.113883.10.20.22.4.4": "problem",
  "2.16.840.1.113883.10.20.1.28": "problem",
  "1.3.6.1.4.1.19376.1.5.3.1.4.5": "problem",
  "2.16.840.1.113883.10.20.22.4.7": "allergy",
  "2.16.840.1.113883.10.20.24.3.90": "allergy",
  "2.16.840.1.113883.10.20.1.18": "allergy",
  "1.3.6.1.4.1.19376.1.5.3.1.4.6": "allergy",
  "2.16.840.1.113883.10.20.22.4.2": "result",
  "2.16.840.1.113883.10.20.22.4.27": "vital",
  "1.3.6.1.4.1.19376.1.5.3.1.4.13.2": "vital",
  "2.16.840.1.113883.10.20.22.4.16": "medication",
  "2.16.840.1.113883.10.20.1.24": "medication",
  "2.16.840.1.113883.10.20.22.4.52": "immunization",
  "2.16.840.1.113883.10.20.22.4.120": "immunization",
  "2.16.840.1.113883.10.20.22.4.17": "medication",
  "2.16.840.1.113883.10.20.22.4.18": "medication",
  "2.16.840.1.113883.10.20.1.34": "medication",
  "2.16.840.1.113883.10.20.22.4.12": "procedure",
  "2.16.840.1.113883.10.20.22.4.13": "procedure",
  "2.16.840.1.113883.10.20.22.4.14": "procedure",
  "2.16.840.1.113883.10.20.1.29": "procedure",
};

/** Statements about relatives, and what is said of a statement: its status, how bad it was, how it showed. */
const passedOver = new Set([
  ...[45, 46, 6, 8, 9, 31, 5, 19, 145, 64, 64, 113].map((number) => `2.16.840.1.113883.10.20.22.4.${number}`),
  ...[22, 23, 50, 54, 55, 57, 38].map((number) => `2.16.840.1.113883.10.20.1.${number}`),
]);

/** Family history is of others. */
const familySections = new Set(["10157-6", "8670-2"]);

const statements = new Set("act encounter observation organizer procedure substanceAdministration supply".split(" "));

interface Context {
  kind: FactKind | null;
  isPlan: boolean;
  isNegated: boolean;
  /** Of what is around it. */
  status: string | null;
  time: Moment | null;
}

/** An entry of a section with what it states. */
export interface CdaEntry {
  entry: CdaNode;
  facts: CdaFact[];
}

/** The entries of a section, without those of the sections within it. */
export function cdaEntries(section: CdaNode): CdaEntry[] {
  const code = find(section, "code")?.attributes.code ?? "";
  const entries = findAll(section, "entry");
  // Family history, a section about a relative, or a mother's about her child.
  if (familySections.has(code) || find(section, "subject")) return entries.map((entry) => ({ entry, facts: [] }));
  const isPlan = planSections.has(code);
  const context: Context = { kind: sectionKinds[code] ?? null, isPlan, isNegated: false, status: null, time: null };
  return entries.map((entry) => ({ entry, facts: entry.children.flatMap((child) => stated(child, context)) }));
}

function stated(node: CdaNode, around: Context): CdaFact[] {
  // Whether there is anything to state is not known.
  if (!statements.has(node.name) || node.attributes.nullFlavor) return [];
  const templates = findAll(node, "templateId").flatMap(({ attributes: { root } }) => root ?? []);
  // A subject of its own: a relative, a fetus.
  if (templates.some((each) => passedOver.has(each)) || find(node, "subject")) return [];
  const own = find(node, "statusCode")?.attributes.code ?? null;
  const context: Context = {
    kind: around.kind,
    isPlan: around.isPlan,
    isNegated: around.isNegated || isNegated(node),
    // What is around it was a mistake with all that is in it.
    status: around.status === "nullified" ? around.status : (own ?? around.status),
    time: cdaTime(find(node, "effectiveTime")) ?? around.time,
  };
  const kind = kindOf(node, templates, context);
  if (kind) {
    const fact = factOf(node, kind, context);
    if (fact) return [fact];
  }
  const within = node.children.filter(({ name }) => name === "entryRelationship" || name === "component");
  return within.flatMap((each) => each.children.flatMap((child) => stated(child, context)));
}

function isNegated({ attributes }: CdaNode): boolean {
  return /^\s*(true|1)\s*$/i.test(attributes.negationInd ?? "");
}

function kindOf(node: CdaNode, templates: string[], { kind }: Context): FactKind | null {
  const known = templates.map((each) => templateKinds[each]).find(Boolean);
  if (known) return known === "result" && kind === "vital" ? "vital" : known;
  switch (node.name) {
    case "substanceAdministration":
      return kind === "immunization" ? kind : "medication";
    case "procedure":
      return kind === "result" || kind === "vital" ? null : "procedure";
    case "observation":
      return kind === "medication" || kind === "immunization" ? null : kind;
    case "act":
      return kind === "procedure" ? kind : null;
    case "supply":
      // Other supplies are equipment.
      return kind === "medication" && find(node, "product", "manufacturedProduct") ? kind : null;
    default:
      return null;
  }
}

function factOf(node: CdaNode, kind: FactKind, context: Context): CdaFact | null {
  const isPlanned = isPlannedBy(node, context);
  // What is aimed at, ordered or promised was not observed.
  if (isPlanned && node.name === "observation") return null;
  const { concept, name } = subjectOf(node, kind);
  const observed = kind === "result" || kind === "vital";
  const value = observed ? observedValue(findAll(node, "value")) : doseOf(node);
  if (observed && !value) return null;
  const flags = findAll(node, "interpretationCode").flatMap(
    ({ attributes }) => attributes.code ?? attributes.displayName ?? [],
  );
  const stands = statusOf(node, kind, context);
  const status = isPlanned && stands !== "entered_in_error" ? "planned" : stands;
  return {
    kind,
    name: name || null,
    codes: concept ? cdaCodes(concept) : [],
    value: value?.value ?? null,
    unit: value?.unit ?? null,
    range: observed ? rangeOf(node) : null,
    flag: observed ? flags.join(" ") || null : severityOf(node),
    status: context.isNegated && status !== "entered_in_error" ? "negated" : status,
    effective: context.time,
    named: reference(find(concept, "originalText", "reference")),
    told: reference(find(node, "text", "reference")),
    source: xpath(node),
  };
}

/** Plan of treatment, under its names. */
const planSections = new Set(["18776-5", "61146-7", "61145-9"]);

const plannedTemplates = new Set(
  [39, 40, 41, 42, 43, 44, 120].map((number) => `2.16.840.1.113883.10.20.22.4.${number}`),
);

/** A drug in use is stated as an intent as well: there the section and the template tell. */
function isPlannedBy(node: CdaNode, { isPlan }: Context): boolean {
  if ([undefined, "EVN"].includes(node.attributes.moodCode)) return false;
  const templates = findAll(node, "templateId").map(({ attributes }) => attributes.root ?? "");
  return node.name !== "substanceAdministration" || isPlan || templates.some((each) => plannedTemplates.has(each));
}

/** What a statement is about: the drug, the allergen, the diagnosis, what was measured or done. */
function subjectOf(node: CdaNode, kind: FactKind): { concept: CdaNode | undefined; name: string } {
  if (kind === "medication" || kind === "immunization") {
    const product = find(node, "consumable", "manufacturedProduct") ?? find(node, "product", "manufacturedProduct");
    const material = find(product, "manufacturedMaterial") ?? find(product, "manufacturedLabeledDrug");
    const concept = find(material, "code");
    return { concept, name: nameOf(concept) || plain(find(material, "name")) };
  }
  if (kind === "allergy") {
    const entity = find(node, "participant", "participantRole", "playingEntity");
    const concept = find(entity, "code");
    const name = nameOf(concept) || plain(find(entity, "name"));
    if (name || reference(find(concept, "originalText", "reference"))) return { concept, name };
  }
  const concept = kind === "problem" || kind === "allergy" ? find(node, "value") : find(node, "code");
  return { concept, name: nameOf(concept) };
}

/** What a coded element is called. */
function nameOf(concept: CdaNode | undefined): string {
  if (!concept) return "";
  const original = find(concept, "originalText");
  const translated = findAll(concept, "translation").map(({ attributes }) => attributes.displayName);
  return (
    [concept.attributes.displayName, original && words(original), ...translated].find((each) => each?.trim())?.trim() ??
    ""
  );
}

function reference(node: CdaNode | undefined): string | null {
  const value = node?.attributes.value?.trim();
  return value ? value.replace(/^#/, "") : null;
}

type Value = { value: string; unit: string | null };

function observedValue(nodes: CdaNode[]): Value | null {
  const values = nodes.flatMap((node) => valueOfNode(node) ?? []);
  if (values.length < 2) return values[0] ?? null;
  const units = new Set(values.map(({ unit }) => unit));
  if (units.size === 1) return { value: values.map(({ value }) => value).join("; "), unit: values[0]?.unit ?? null };
  return { value: values.map(withUnit).join("; "), unit: null };
}

function valueOfNode(node: CdaNode): Value | null {
  const { value, unit, displayName, code, type } = node.attributes;
  const text = words(node);
  if (value !== undefined) {
    const isTime = type === "TS" || type?.endsWith(":TS");
    return value.trim() ? { value: (isTime && hl7Date(value)?.value) || value.trim(), unit: unitOf(unit) } : null;
  }
  const [low, high] = [find(node, "low"), find(node, "high")];
  if (low?.attributes.value || high?.attributes.value) return interval(low, high);
  const [numerator, denominator] = [find(node, "numerator"), find(node, "denominator")];
  if (numerator?.attributes.value && denominator?.attributes.value) {
    const [over, under] = [unitOf(numerator.attributes.unit), unitOf(denominator.attributes.unit)];
    if (over === under) return { value: `${numerator.attributes.value}/${denominator.attributes.value}`, unit: null };
    const parts = [
      { value: numerator.attributes.value, unit: over },
      { value: denominator.attributes.value, unit: under },
    ];
    return { value: parts.map(withUnit).join(" / "), unit: null };
  }
  const said = displayName?.trim() || nameOf(node) || text || code || "";
  return said && said.length <= maxValue ? { value: said, unit: null } : null;
}

function interval(low: CdaNode | undefined, high: CdaNode | undefined): Value | null {
  const [from, to] = [low?.attributes.value, high?.attributes.value];
  const unit = unitOf(low?.attributes.unit ?? high?.attributes.unit);
  const [under, over] = [unitOf(low?.attributes.unit), unitOf(high?.attributes.unit)];
  if (from && to && under !== over && under && over)
    return { value: `${withUnit({ value: from, unit: under })} – ${withUnit({ value: to, unit: over })}`, unit: null };
  if (from && to) return { value: `${from} – ${to}`, unit };
  if (from) return { value: `${low?.attributes.inclusive === "false" ? ">" : "≥"} ${from}`, unit };
  return to ? { value: `${high?.attributes.inclusive === "false" ? "<" : "≤"} ${to}`, unit } : null;
}

function withUnit({ value, unit }: Value): string {
  return unit ? `${value} ${unit}` : value;
}

/** `1` is a number's unit, and no word. */
function unitOf(unit: string | undefined): string | null {
  return unit && unit !== "1" ? unit : null;
}

function doseOf(node: CdaNode): Value | null {
  const dose = find(node, "doseQuantity");
  return dose ? valueOfNode(dose) : null;
}

function rangeOf(node: CdaNode): string | null {
  const ranges = findAll(node, "referenceRange", "observationRange").map((range) => {
    const said = find(range, "text");
    const text = said ? words(said) : "";
    const limits = find(range, "value");
    const value = limits && valueOfNode(limits);
    return text || (value ? [value.value, value.unit].filter(Boolean).join(" ") : "");
  });
  return ranges.filter(Boolean).join("; ") || null;
}

/** What is said of a statement in an observation of its own. */
function remark(node: CdaNode, ...codes: string[]): CdaNode | undefined {
  return findAll(node, "entryRelationship", "observation").find((each) =>
    codes.includes(find(each, "code")?.attributes.code ?? ""),
  );
}

function severityOf(node: CdaNode): string | null {
  const told = remark(node, "82606-5") ?? remark(node, "SEV");
  return nameOf(find(told, "value")) || null;
}

function statusOf(node: CdaNode, kind: FactKind, { status }: Context): string | null {
  const word = (own: string | null | undefined) => (own === "nullified" ? "entered_in_error" : (own ?? null));
  if (status === "nullified" || (kind !== "problem" && kind !== "allergy")) return word(status);
  const told = nameOf(find(remark(node, "33999-4"), "value")).toLowerCase();
  const high = find(node, "effectiveTime", "high")?.attributes;
  const isOver = Boolean(high?.value) || high?.nullFlavor === "UNK";
  // A concern is active as long as somebody follows it; its observation is complete as soon as it was made.
  const concern = find(node.parent?.parent ?? undefined, "statusCode")?.attributes.code;
  const own = word(find(node, "statusCode")?.attributes.code);
  if (own === "entered_in_error") return own;
  return told || (isOver ? "resolved" : word(concern ?? status));
}

/** What each statement of an entry comes down to: its value, or else what it is of. Remarks on statements are none of their own. */
export function principalWords(entry: CdaNode): string[] {
  const found: string[] = [];
  const walk = (node: CdaNode): void => {
    if (statements.has(node.name)) {
      if (findAll(node, "templateId").some(({ attributes }) => passedOver.has(attributes.root ?? ""))) return;
      const { value, unit } = observedValue(findAll(node, "value")) ?? { value: "", unit: null };
      const words = value ? withUnit({ value, unit }) : node.name === "organizer" ? "" : nameOfStatement(node);
      if (words) found.push(words);
    }
    for (const child of node.children) walk(child);
  };
  walk(entry);
  return found;
}

function nameOfStatement(node: CdaNode): string {
  return subjectOf(node, /^(substanceAdministration|supply)$/.test(node.name) ? "medication" : "procedure").name;
}

/**
 * Codes, displays and values of an entry in words, each once. What turns statements into their opposite, or into an intention, stands
 * before their words, which end at a semicolon.
 */
export function codedWords(entry: CdaNode): string {
  const groups: { mark: string; words: Set<string> }[] = [];
  const seen = new Set<string>();
  const say = (words: string, mark: string) => {
    if (!words || seen.has(mark + words)) return;
    seen.add(mark + words);
    const last = groups.at(-1);
    if (last?.mark === mark) last.words.add(words);
    else groups.push({ mark, words: new Set([words]) });
  };
  const walk = (node: CdaNode, around: string): void => {
    const { displayName, value, unit, representation } = node.attributes;
    const mark = statements.has(node.name) ? turned(node, around) : around;
    say(displayName || (value && unit ? `${value} ${unit}` : ""), mark);
    if (representation !== "B64") say(plain(node), mark);
    for (const child of node.children) walk(child, mark);
  };
  walk(entry, "");
  return groups.map(({ mark, words }) => [mark, [...words].join(", ")].filter(Boolean).join(" ")).join("; ");
}

function turned(node: CdaNode, around: string): string {
  const isMistake = find(node, "statusCode")?.attributes.code === "nullified" || around === "[entered in error]";
  if (isMistake) return "[entered in error]";
  if (isNegated(node)) return "[negated]";
  if (node.attributes.nullFlavor) return "[no information]";
  const mood = node.attributes.moodCode ?? "EVN";
  if (mood === "GOL") return "[goal]";
  return mood !== "EVN" && node.name !== "substanceAdministration" ? "[planned]" : around;
}
