import { clinicalGroups } from "./clinical-terms.js";

const words = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}&]+/gu) ?? [];
const longest = 5;
const most = 40;

const groupsByTerm = new Map<string, (readonly string[])[]>();
for (const group of clinicalGroups)
  for (const term of group) {
    const key = words(term).join(" ");
    groupsByTerm.set(key, [...(groupsByTerm.get(key) ?? []), group]);
  }

/**
 * What else the words of a query are called in clinical notes: a group for each term that is known, forty terms at most. Words within a
 * longer term mean that one alone.
 */
export function relatedTerms(query: string): string[][] {
  const spoken = words(query);
  const said = ` ${spoken.join(" ")} `;
  const groups: string[][] = [];
  let left = most;
  for (let at = 0; at < spoken.length && left > 0; ) {
    let taken = 1;
    for (let length = Math.min(longest, spoken.length - at); length > 0; length--) {
      const found = groupsByTerm.get(spoken.slice(at, at + length).join(" "));
      if (found === undefined) continue;
      const others = found.flat().filter((term) => !said.includes(` ${words(term).join(" ")} `));
      const group = [...new Set(others)].slice(0, left);
      if (group.length > 0) groups.push(group);
      left -= group.length;
      taken = length;
      break;
    }
    at += taken;
  }
  return groups;
}
