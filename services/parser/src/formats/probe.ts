import { type Family, type Judgement, textDecoder, textEncoding, type XmlRoot, xmlRoot } from "@sluice/media";
import { cfbNames } from "../reading/cfb.js";
import { Zip, type ZipMember } from "../reading/zip.js";
import type { Limits } from "./format.js";

/** What a format may look at to say whether a file is its own. What costs something is read when it is asked for, once. */
export interface Probe {
  readonly family: Family;
  /** As far as the head alone tells. */
  readonly mediaType: string;
  /** As the sender said, in lower case and without parameters. */
  readonly declared: string | null;
  /** The first bytes. */
  readonly head: Uint8Array;
  /** The head as text, in the encoding that its bytes show. */
  text(): string;
  xmlRoot(): XmlRoot | undefined;
  /** A ZIP's members, as its directory names them. Fails when that can't be read. */
  zipMembers(): Promise<readonly Pick<ZipMember, "name" | "encrypted">[]>;
  /** The names of a compound file's storages and streams. Fails when its directory can't be read. */
  cfbNames(): Promise<readonly string[]>;
}

export function createProbe(
  path: string,
  head: Uint8Array,
  { family, mediaType }: Judgement,
  declared: string | null,
  limits: Limits,
): Probe {
  const text = once(() => textDecoder(textEncoding(head) ?? "latin1").decode(head, { stream: true }));
  return {
    family,
    mediaType,
    declared,
    head,
    text,
    xmlRoot: once(() => xmlRoot(text().replace(/^\ufeff/, ""))),
    zipMembers: once(async () => {
      const zip = await Zip.open(path, limits);
      zip.close();
      return zip.members;
    }),
    cfbNames: once(() => cfbNames(path)),
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
