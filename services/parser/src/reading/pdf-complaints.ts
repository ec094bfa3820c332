/**
 * pdf.js leaves out what it can't read of a page and says so on the console only. What it says is heard here and kept from the console
 * for good: it may quote the document.
 */
type Listener = (complaint: string) => void;

const listeners = new Set<Listener>();
let isHearing = false;

/** Hears what pdf.js complains of, whichever document it reads, until what is answered is called. */
export function hearComplaints(listener: Listener): () => void {
  if (!isHearing) {
    isHearing = true;
    for (const level of ["warn", "info"] as const) hear(level);
  }
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function hear(level: "warn" | "info"): void {
  // biome-ignore-start lint/suspicious/noConsole: it is pdf.js that writes there
  const print = console[level].bind(console);
  console[level] = (...said: unknown[]) => {
    const complaint = typeof said[0] === "string" ? said[0] : "";
    if (!/^(Warning|Info): /.test(complaint)) print(...said);
    else for (const listener of listeners) listener(complaint);
  };
  // biome-ignore-end lint/suspicious/noConsole: it is pdf.js that writes there
}

const lost = /getTextContent - ignoring (?:errors|XObject)|Invalid stream: |Unterminated string|in flate stream/;

/** The page of which something was left out: its number, or null where only the time tells. Undefined for what does no harm. */
export function lostOn(complaint: string): number | null | undefined {
  if (!lost.test(complaint)) return undefined;
  const [, index] = /"GetTextContent: page (\d+)" task/.exec(complaint) ?? [];
  return index === undefined ? null : Number(index) + 1;
}
