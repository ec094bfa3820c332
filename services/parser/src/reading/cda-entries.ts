import type { Fact, TextRange } from "@sluice/contracts";
import { plain as asSaid, says } from "../writing/said.js";
import { isAbsence } from "./absence.js";
import { type CdaFact, cdaEntries, codedWords, principalWords } from "./cda-facts.js";
import type { Narrative } from "./cda-narrative.js";
import type { CdaNode } from "./cda-tree.js";

/** A fact of a section, with where its narrative says it, or the place of what has to be said beside the narrative. */
export interface ToldFact extends Omit<Fact, "ordinal" | "patient" | "evidence"> {
  evidence: TextRange | null;
  /** Its line among those that are `unsaid`. */
  line: number | null;
}

/** What a section's entries state, and of that what the narrative does not say. */
export function toldEntries(section: CdaNode, narrative: Narrative | null): { facts: ToldFact[]; unsaid: string[] } {
  const facts: ToldFact[] = [];
  const lines = new Map<string, number>();
  const say = (line: string) => lines.get(line) ?? lines.set(line, lines.size).size - 1;
  for (const { entry, facts: stated } of cdaEntries(section)) {
    let isFiled = false;
    for (const { name, named, told, ...fact } of stated) {
      const found = narrative && where(narrative, { name, named, told, value: fact.value });
      const text = found?.text ?? name ?? fact.codes[0]?.display ?? fact.codes[0]?.code;
      if (!text) continue;
      isFiled = true;
      const line = narrative && !found?.isWhole ? say(factLine({ ...fact, text })) : null;
      if (!isAbsence(fact.kind, text, fact.codes))
        facts.push({ ...fact, text, evidence: found?.evidence ?? null, line });
    }
    const words = isFiled || !narrative || isTold(entry, narrative) ? "" : codedWords(entry);
    if (words) say(words);
  }
  return { facts, unsaid: [...lines.keys()] };
}

const opposites: Record<string, string> = {
  negated: "[negated]",
  entered_in_error: "[entered in error]",
  planned: "[planned]",
};

function factLine({ text, value, unit, range, flag, status, effective }: Omit<ToldFact, "evidence" | "line">): string {
  const measured = value && [value, unit, range && `(${range})`, flag].filter(Boolean).join(" ");
  const named = measured ? `${text}: ${measured}` : [text, flag].filter(Boolean).join(", ");
  const said = [named, status && opposites[status]].filter(Boolean).join(" ");
  return effective ? `${said}, ${effective.value}` : said;
}

/** Whether the narrative says what an entry comes down to, or its author leads to it. */
function isTold(entry: CdaNode, narrative: Narrative): boolean {
  if (isReferred(entry, narrative)) return true;
  const principal = principalWords(entry);
  return principal.length > 0 && principal.every((each) => narrative.said.find(each, null));
}

/** Whether something in an entry leads to words of the narrative. */
function isReferred(node: CdaNode, narrative: Narrative): boolean {
  const target = node.name === "reference" ? node.attributes.value?.trim() : undefined;
  if (target?.startsWith("#") && narrative.range(target.slice(1))) return true;
  return node.children.some((child) => isReferred(child, narrative));
}

/** A reference to more than this is to a whole table or list, of which the line is looked for. */
const maxReferred = 600;

interface Place {
  text: string;
  evidence: TextRange;
  /** Both what it is about and its value are said there. */
  isWhole: boolean;
}

/**
 * Where the narrative says what an entry states. A reference is believed only where it leads to the name or the value: senders
 * point at the wrong cell, and an allergy must not take the name of its reaction.
 */
function where(
  narrative: Narrative,
  { name, named, told, value }: Pick<CdaFact, "name" | "named" | "told" | "value">,
): Place | null {
  const { said } = narrative;
  const ranges = [narrative.range(told), narrative.range(named)].flatMap((range) =>
    range && range.end - range.start <= maxReferred ? [{ range, words: asSaid(said.textAt(range)) }] : [],
  );
  const has = (words: string, what: string | null) => what !== null && says(words, asSaid(what));
  if (!name) {
    // The code has no words; those of the author are all there are.
    const own = narrative.range(named) ?? narrative.range(told);
    const isShort = own !== null && own.end - own.start <= maxReferred / 3;
    const text = isShort ? said.textAt(own).replace(/\s+/g, " ").trim() : "";
    const isWhole = value === null || said.find(text, value) !== null;
    return own && text ? { text, evidence: own, isWhole } : null;
  }
  const line = said.find(name, value);
  const both = ranges.find(({ words }) => has(words, name) && (value === null || has(words, value)));
  const valued = ranges.find(({ words }) => has(words, value));
  const referred =
    both ??
    (line && value !== null ? { range: line } : undefined) ??
    ranges.find(({ words }) => has(words, name)) ??
    valued;
  const evidence = referred?.range ?? line;
  return evidence ? { text: name, evidence, isWhole: Boolean(both ?? line ?? valued) } : null;
}
