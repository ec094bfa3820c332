import { createRequire } from "node:module";
import JSZip from "jszip";

/** A ZIP of these parts. */
export function packed(parts: Record<string, string | Buffer>): Promise<Buffer> {
  const zip = new JSZip();
  for (const [name, content] of Object.entries(parts)) zip.file(name, content);
  return zip.generateAsync({ type: "nodebuffer", compression: "DEFLATE" });
}

/** A part's relationships, by id. */
export function relationships(targets: Record<string, [type: string, target: string]>): string {
  const each = Object.entries(targets).map(
    ([id, [type, target]]) => `<Relationship Id="${id}" Type="http://x/${type}" Target="${target}"/>`,
  );
  return `<Relationships>${each.join("")}</Relationships>`;
}

interface Entry {
  name: string;
  type: number;
  length: number;
  binaryProvider?: () => ArrayLike<number>;
  children?: number[];
}
// The writer that msgreader has for messages within messages.
const { burn } = createRequire(import.meta.url)("@kenjiuno/msgreader/lib/Burner.js") as {
  burn: (entries: Entry[]) => Uint8Array;
};
const [directory, document, root] = [1, 2, 5];

type Tree = { [name: string]: Buffer | Tree };

/** A compound file of these streams; storages are trees of their own. */
export function compound(tree: Tree): Buffer {
  const entries: Entry[] = [{ name: "Root Entry", type: root, length: 0, children: [] }];
  const add = (parent: number, own: Tree) => {
    for (const [name, content] of Object.entries(own)) {
      const isStream = Buffer.isBuffer(content);
      const index = entries.length;
      entries.push(
        isStream
          ? { name, type: document, length: content.length, binaryProvider: () => new Uint8Array(content) }
          : { name, type: directory, length: 0, children: [] },
      );
      (entries[parent] as Entry).children?.push(index);
      if (!isStream) add(index, content);
    }
  };
  add(0, tree);
  return Buffer.from(burn(entries));
}
