import { SluiceError } from "@sluice/contracts";
import { Parser } from "htmlparser2";
import { fileEncoding, readSample, readText } from "./encoding.js";

export interface XmlHandler {
  /** Before `open`: the names as they are written, declarations of namespaces among them. */
  raw?(name: string, attributes: Record<string, string>): void;
  /** Names of elements and attributes come without their prefixes. */
  open(name: string, attributes: Record<string, string>): void;
  text(text: string): void;
  close(name: string): void;
}

/** Attributes under their local names, without declarations of namespaces. */
function content(attributes: Record<string, string>): Record<string, string> {
  const said = Object.entries(attributes).filter(([name]) => name !== "xmlns" && !name.startsWith("xmlns:"));
  return Object.fromEntries(said.map(([name, value]) => [local(name), value]));
}

function local(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/**
 * Reads XML piece by piece, as it is given. Entities beyond XML's own five are never expanded, and a document that declares some is
 * refused, as its text would not be what its author wrote; one that ends early, or closes elements in another order, is damaged.
 */
export class XmlReader {
  readonly #parser: Parser;
  #elements = 0;
  #ended = false;

  constructor(handler: XmlHandler, maxDepth: number) {
    let [depth, openedAt] = [0, -1];
    const parser = new Parser(
      {
        onopentag: (name, attributes) => {
          depth += 1;
          this.#elements += 1;
          openedAt = parser.endIndex;
          if (depth > maxDepth) throw new SluiceError("limit_nesting");
          handler.raw?.(name, attributes);
          handler.open(local(name), content(attributes));
        },
        ontext: (text) => handler.text(text),
        onclosetag: (name, implied) => {
          // `<a/>` counts as implied too, but ends where it was opened.
          if (implied && (this.#ended || parser.endIndex !== openedAt)) throw new SluiceError("document_corrupt");
          depth -= 1;
          handler.close(local(name));
        },
        onprocessinginstruction(_name, data) {
          if (/<?!ENTITY\b/i.test(data)) throw new SluiceError("document_corrupt");
        },
      },
      { xmlMode: true },
    );
    this.#parser = parser;
  }

  write(piece: string): void {
    this.#parser.write(piece);
  }

  end(): void {
    this.#ended = true;
    this.#parser.end();
    if (this.#elements === 0) throw new SluiceError("document_corrupt");
  }
}

/** Reads XML to its end. */
export async function readXml(
  pieces: AsyncIterable<string> | Iterable<string>,
  handler: XmlHandler,
  maxDepth: number,
): Promise<void> {
  const reader = new XmlReader(handler, maxDepth);
  for await (const piece of pieces) reader.write(piece);
  reader.end();
}

/** An XML file piece by piece, in the encoding that its bytes or its declaration name. */
export async function* xmlText(path: string): AsyncGenerator<string> {
  yield* readText(path, await fileEncoding(path, xmlEncoding(await readSample(path, 400))));
}

/** The encoding an XML declaration names. */
export function xmlEncoding(head: Uint8Array): string | null {
  const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString("latin1").slice(0, 400);
  return /^[^<]*<\?xml[^>]*encoding\s*=\s*["']([\w.:-]+)/i.exec(text)?.[1] ?? null;
}
