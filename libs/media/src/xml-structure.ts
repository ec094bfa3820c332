const token =
  /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<(\/?)([\p{L}_][\w.:-]*)(?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*(\/?)>/uy;

/**
 * The root's name where the beginning of a file is XML, though no prologue says so: one root, its elements closed in the
 * order they were opened, and at least one of them closed here. `undefined` for prose that merely begins with `<`.
 */
export function xmlWithoutPrologue(head: string): string | undefined {
  const open: string[] = [];
  let root: string | undefined;
  let [closed, end] = [0, 0];
  for (let at = head.indexOf("<"); at !== -1; at = head.indexOf("<", end)) {
    if (open.length === 0 && head.slice(end, at).trim()) return undefined;
    token.lastIndex = at;
    const match = token.exec(head);
    if (!match) return closed > 0 && isCutOff(head.slice(at)) ? root : undefined;
    end = token.lastIndex;
    const [, slash, name, empty] = match;
    if (!name) continue;
    if (root && open.length === 0) return undefined;
    root ??= name;
    if (slash && open.pop() !== name) return undefined;
    if (!slash && !empty) open.push(name);
    if (slash || empty) closed += 1;
  }
  const goesOn = open.length === 0 && head.slice(end).trim() !== "";
  return closed > 0 && !goesOn ? root : undefined;
}

/** Whether what begins here may end beyond the head: a tag or a comment that it does not hold whole. */
function isCutOff(rest: string): boolean {
  return /^<(!--|!\[CDATA\[|\?)/.test(rest) || !rest.includes(">");
}

export interface XmlRoot {
  /** Without its prefix. */
  name: string;
  namespace: string | null;
}

/** The root element that the beginning of a file shows, behind its prologue. */
export function xmlRoot(head: string): XmlRoot | undefined {
  const prologue = /^(\s|<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<!DOCTYPE[^[>]*(\[[\s\S]*?\]\s*)?>)*/i;
  const match = /^<(?:([\w.-]+):)?([\w.-]+)([^>]*)/.exec(head.replace(prologue, ""));
  if (!match) return undefined;
  const [, prefix, name = "", attributes = ""] = match;
  const declared = /(?:^|\s)xmlns(?::([\w.-]+))?\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
  const own = [...attributes.matchAll(declared)].find((each) => each[1] === prefix);
  return { name, namespace: own?.[2] ?? own?.[3] ?? null };
}
