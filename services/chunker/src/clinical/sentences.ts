/** Words with a stop that ends no sentence, without their stops; letters with stops between them (`q.d.`, `b.i.d.`) need no list. */
const abbreviations = new Set(
  (
    "dr mr mrs ms prof st vs no nr fig pt pts approx wt ht resp temp dx hx rx tx sx fx tab tabs cap caps inj max min jr sr dept ext inc ltd " +
    "jan feb mar apr jun jul aug sep sept oct nov dec ca cf al eg ie qd bid tid qid prn po qhs hs ac pc iv im sc sl mg ml kg cm mm hr hrs sec " +
    "wk wks mo mos yr yrs abd bilat gen rev hosp med meds neg pos ave etc incl std diff"
  ).split(" "),
);
const end = /[.!?…]["'’”)\]]*\s+|[。！？]/g;
/** What stands before a stop, as far as it may be an abbreviation. */
const lastWord = /(?:^|[\s("'[/-])([\p{L}\p{N}.]*)$/u;

/** Where the sentences of a text end: the offsets behind each but the last, and the white space after it. */
export function* sentenceEnds(text: string): Generator<number> {
  for (const match of text.matchAll(end)) {
    const after = match.index + match[0].length;
    if (after >= text.length) return;
    if (match[0].startsWith(".") && !endsSentence(text, match.index, after)) continue;
    yield after;
  }
}

function endsSentence(text: string, stop: number, next: number): boolean {
  if (/^\p{Ll}/u.test(text.slice(next, next + 2))) return false;
  const word = lastWord.exec(text.slice(Math.max(0, stop - 12), stop))?.[1]?.toLowerCase() ?? "";
  // `J. Smith`, `q.d.`, and the number of a list's item.
  if (/^(?:\p{L}|(?:\p{L}{1,2}\.)+\p{L}{1,2})$/u.test(word)) return false;
  if (/^\d{1,2}$/.test(word) && /(?:^|\n)\s*\d{1,2}$/.test(text.slice(Math.max(0, stop - 8), stop))) return false;
  return !abbreviations.has(word);
}
