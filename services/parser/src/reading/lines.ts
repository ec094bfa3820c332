/** A line that is longer is no line; it comes in pieces. */
const maxLength = 1_048_576;

/** The lines of a text that comes in pieces, without their ends. */
export async function* lines(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of pieces) {
    const parts = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = parts.pop() ?? "";
    yield* parts;
    if (rest.length <= maxLength) continue;
    yield rest;
    rest = "";
  }
  yield rest.replace(/\r$/, "");
}
