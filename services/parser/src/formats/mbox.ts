import { createReadStream } from "node:fs";
import { readMime } from "../reading/mime.js";
import { wholeFile } from "../reading/whole-file.js";
import { writeEmail } from "./eml.js";
import type { Format } from "./format.js";

/** Mails one after the other, each behind a line that begins with `From `. */
export const mbox: Format = {
  name: "mbox",
  label: "Mailbox (mbox)",
  family: "mail",
  recognise: ({ mediaType }) => (mediaType === "application/mbox" ? 10 : null),
  keeps: "Each message as a child; one by itself is read as a mail.",
  codes: [],
  limits: ["maxExpandedBytes", "maxChildren"],
  mediaTypes: ["application/mbox"],
  aliases: ["message/rfc822", "text/plain"],
  async parse(source, out, limits) {
    if (!(await isSeveral(source.path))) {
      const file = await wholeFile(source, limits);
      await writeEmail(await readMime(file.subarray(file.indexOf("\n") + 1), out), out);
      return;
    }
    const lines = new Lines(createReadStream(source.path));
    await lines.next();
    for (let index = 0; !lines.ended; index += 1) {
      const child = { path: `message[${index}]`, fileName: null, declaredType: "message/rfc822" };
      await out.child({ ...child, bytes: message(lines) });
    }
  },
};

const separator = /^From \S.*\d{4}/;
const pieceLength = 65_536;

async function isSeveral(path: string): Promise<boolean> {
  const stream = createReadStream(path);
  const lines = new Lines(stream);
  await lines.next();
  for await (const _first of message(lines));
  stream.destroy();
  return !lines.ended;
}

/** The lines up to the next separator, which stands behind an empty line; quoting of such lines within is undone. */
async function* message(lines: Lines): AsyncGenerator<Uint8Array> {
  let piece = "";
  let isBlank = false;
  for (let line = await lines.next(); line !== null; line = await lines.next()) {
    if (isBlank && separator.test(line)) break;
    isBlank = /^\r?\n$/.test(line);
    piece += line.replace(/^>(>*From )/, "$1");
    if (piece.length < pieceLength) continue;
    yield Buffer.from(piece, "latin1");
    piece = "";
  }
  yield Buffer.from(piece, "latin1");
}

/** A file's lines with their ends, bytes as Latin-1; what is longer than a piece comes in several. */
class Lines {
  ended = false;
  readonly #source: AsyncIterator<Buffer>;
  #rest = "";

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async next(): Promise<string | null> {
    for (;;) {
      const end = this.#rest.indexOf("\n") + 1;
      if (end > 0) return this.#take(end);
      if (this.#rest.length > pieceLength) return this.#take(this.#rest.length);
      const { value, done } = await this.#source.next();
      if (!done) this.#rest += value.toString("latin1");
      else if (this.#rest) return this.#take(this.#rest.length);
      else break;
    }
    this.ended = true;
    return null;
  }

  #take(length: number): string {
    const line = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return line;
  }
}
