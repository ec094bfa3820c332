import type { Limits } from "../formats/format.js";
import { bytesEncoding, decode } from "./encoding.js";
import { readXml, type XmlHandler, XmlReader, xmlEncoding } from "./xml.js";
import type { Zip, ZipMember } from "./zip.js";

/** A part that another part names: where it is within the package, and what for. */
export interface Relationship {
  target: string;
  /** The last word of its type, e.g. `worksheet`. */
  type: string;
}

/** A document that is a ZIP of XML parts, as Office and OpenDocument files are. */
export class Package {
  readonly zip: Zip;
  readonly #maxDepth: number;
  readonly #byName: ReadonlyMap<string, ZipMember>;

  constructor(zip: Zip, limits: Limits) {
    this.zip = zip;
    this.#maxDepth = limits.maxDepth;
    // Names of parts are the same in any case; the first of two is meant.
    this.#byName = new Map(zip.members.toReversed().map((member) => [member.name.toLowerCase(), member]));
  }

  find(name: string): ZipMember | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  async text(member: ZipMember): Promise<string> {
    const bytes = await this.zip.read(member);
    return decode(bytes, bytesEncoding(bytes, xmlEncoding(bytes)));
  }

  /** Reads a part to its end; one that is missing has nothing to say. */
  async read(name: string, handler: XmlHandler): Promise<void> {
    const member = this.find(name);
    if (member) await readXml(this.#pieces(member), handler, this.#maxDepth);
  }

  /** Reads a part piece by piece: after each, what `take` finds that the handler has gathered. */
  async *stream<T>(name: string, handler: XmlHandler, take: () => Iterable<T>): AsyncGenerator<T> {
    const member = this.find(name);
    if (!member) return;
    const reader = new XmlReader(handler, this.#maxDepth);
    for await (const piece of this.#pieces(member)) {
      reader.write(piece);
      yield* take();
    }
    reader.end();
    yield* take();
  }

  /** What a part refers to within the package, by id. */
  async relationships(part: string): Promise<Map<string, Relationship>> {
    const folder = part.slice(0, part.lastIndexOf("/") + 1);
    const found = new Map<string, Relationship>();
    await this.read(`${folder}_rels/${part.slice(folder.length)}.rels`, {
      open(name, { Id = "", Target = "", Type = "", TargetMode }) {
        if (name !== "Relationship" || TargetMode === "External") return;
        found.set(Id, { target: resolved(folder, Target), type: Type.slice(Type.lastIndexOf("/") + 1) });
      },
      text() {},
      close() {},
    });
    return found;
  }

  async *#pieces(member: ZipMember): AsyncGenerator<string> {
    let decoder: InstanceType<typeof TextDecoder> | undefined;
    for await (const chunk of this.zip.stream(member)) {
      decoder ??= new TextDecoder(streamEncoding(chunk));
      yield decoder.decode(chunk, { stream: true });
    }
    if (decoder) yield decoder.decode();
  }
}

/** By its mark or its declaration; the rule is UTF-8. */
function streamEncoding(head: Buffer): string {
  if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
  if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
  try {
    return new TextDecoder(xmlEncoding(head) ?? "utf-8").encoding.replace(/^utf-16.*/, "utf-8");
  } catch {
    return "utf-8";
  }
}

/** A target as a name in the package, without leaving it. */
function resolved(folder: string, target: string): string {
  const parts: string[] = [];
  for (const part of (target.startsWith("/") ? target : folder + target).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}
