import { Tokenizer } from "@streamparser/json";
import type { Json } from "./fhir-readable.js";

/** JSON in which a number that would be written otherwise once it was read, as `1.10` and `1e3`, is the string it was written as. */
export function parseExact(text: string): Json {
  return JSON.parse(quoteInexact(text)) as Json;
}

/** What a number's digits are read as. */
function exactNumber(digits: string): number | string {
  return String(Number(digits)) === digits ? Number(digits) : digits;
}

/** A tokenizer whose numbers are read in the same way. */
export class ExactTokenizer extends Tokenizer {
  protected override parseNumber(digits: string): number {
    return exactNumber(digits) as number;
  }
}

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function quoteInexact(text: string): string {
  let exact = "";
  let at = 0;
  while (at < text.length) {
    const quote = text.indexOf('"', at);
    const end = quote === -1 ? text.length : quote;
    exact += text
      .slice(at, end)
      .replace(/[-+.\w]+/g, (token) =>
        number.test(token) && typeof exactNumber(token) === "string" ? `"${token}"` : token,
      );
    at = quote === -1 ? end : stringEnd(text, quote);
    exact += text.slice(end, at);
  }
  return exact;
}

/** Behind the closing quote of a string that begins at a quote. */
function stringEnd(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (text[quote - 1 - slashes] === "\\") slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
  }
  return text.length;
}
